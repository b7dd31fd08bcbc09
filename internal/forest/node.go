package forest

import "math"

// Bounds of the narrow layout: slots and nodes of a tree beyond them need two words a node.
const (
	slotBits = 12
	slotMask = 1<<slotBits - 1
	maxNodes = math.MaxInt32 // nodes of a tree in the wide layout, and of a shard
)

// What the narrow layout holds: nodes of a tree, and slots (the leaf slot and one per distinct test) of a shard.
const (
	MaxNarrowNodes = 1 << (32 - slotBits)
	MaxNarrowSlots = 1 << slotBits
)

// leafSlot is the slot that leaves test; its key is the greatest one, so no threshold exceeds it.
const leafSlot = 0

// leafEntry stands at leafSlot in the table of slots.
const leafEntry = math.MaxUint32

// Keys of missing values: below and above every number's key.
const (
	keyLeft  = math.MinInt32
	keyRight = math.MaxInt32
)

// Keys of categorical slots: a code from 0, or one of these. maxCategory is the first code that float32 cannot tell from
// its neighbour; XGBoost sends it and everything beyond to the left.
const (
	categoryLeft  = -1
	categoryRight = math.MaxInt32
	maxCategory   = 1 << 24
)

// key maps a float that is not NaN to an integer of the same order; -0 and +0 have the same key.
func key(x float32) int32 {
	b := int32(math.Float32bits(x))
	return (b ^ int32(uint32(b>>31)>>1)) + int32(uint32(b)>>31)
}

// numericKey is the key of a row's value for a numeric test.
func numericKey(x float32, missing int32) int32 {
	if x != x {
		return missing
	}
	return key(x)
}

// categoryKey is the key of a row's value for a categorical test: its code, truncated as the library does.
func categoryKey(x float32, missing int32) int32 {
	switch {
	case x != x:
		return missing
	case x < 0 || x >= maxCategory:
		return categoryLeft
	}
	return int32(x)
}

// narrowNode is the word of a node in the narrow layout.
func narrowNode(low uint32, slot, child int) uint64 {
	return uint64(low) | uint64(uint32(child)<<slotBits|uint32(slot))<<32
}

// wideNode is the two words of a node in the wide layout.
func wideNode(low uint32, slot, child int) (uint64, uint64) {
	return uint64(low) | uint64(uint32(slot))<<32, uint64(uint32(child))
}

// node is a decoded node: low is a threshold key, a leaf value's bits, an offset into values (vector leaf) or into
// categories.
type node struct {
	low         uint32
	slot, child int
}

func (f *Forest) node(i int) node {
	if f.wide {
		a, b := f.nodes[2*i], f.nodes[2*i+1]
		return node{uint32(a), int(a >> 32), int(uint32(b))}
	}
	w := f.nodes[i]
	return node{uint32(w), int(w >> 32 & slotMask), int(w >> (32 + slotBits))}
}
