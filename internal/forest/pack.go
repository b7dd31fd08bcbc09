package forest

import (
	"fmt"
	"math"
)

// Packed is what Pack appends for a tree: node words, per node the library's own node id, the values of vector leaves
// and the category sets.
type Packed struct {
	Nodes      []uint64
	Original   []int32
	Values     []float32
	Categories []uint32
}

// Reset empties p and keeps its buffers.
func (p *Packed) Reset() {
	p.Nodes, p.Original, p.Values, p.Categories = p.Nodes[:0], p.Original[:0], p.Values[:0], p.Categories[:0]
}

// Packer packs the trees of a plan, one after the other in their order. It is not safe for concurrent use.
type Packer struct {
	plan               *Plan
	next               int // tree
	values, categories int // written so far
	order              []int32
	position           []int32
}

// NewPacker starts at the plan's first tree.
func (p *Plan) NewPacker() *Packer { return &Packer{plan: p} }

// Pack appends the plan's next tree to dst. It fails when the tree is not the one that the plan was made for.
func (k *Packer) Pack(t *Tree, dst *Packed) error {
	i := k.next
	if i+1 >= len(k.plan.Starts) {
		return fmt.Errorf("pack trees: the plan has %d trees, found another", i)
	}
	want := int(k.plan.Starts[i+1] - k.plan.Starts[i])
	if len(t.Left) != want {
		return fmt.Errorf("pack tree %d: the first pass counted %d nodes, found %d; the file changed meanwhile, split again", i, want, len(t.Left))
	}
	outputs := int(k.plan.First[i+1] - k.plan.First[i])
	k.breadthFirst(t)
	for at, n := range k.order {
		low, slot, child := uint32(0), leafSlot, at
		if t.Left[n] < 0 {
			low = k.leaf(t, int(n), outputs, dst)
		} else {
			var err error
			if low, slot, err = k.inner(t, int(n), dst); err != nil {
				return fmt.Errorf("pack tree %d: %w", i, err)
			}
			child = int(k.position[t.Right[n]])
		}
		if k.plan.Wide {
			a, b := wideNode(low, slot, child)
			dst.Nodes = append(dst.Nodes, a, b)
		} else {
			dst.Nodes = append(dst.Nodes, narrowNode(low, slot, child))
		}
		dst.Original = append(dst.Original, t.Original[n])
	}
	k.next++
	return nil
}

// breadthFirst numbers the nodes: the right child of a node directly before the left one.
func (k *Packer) breadthFirst(t *Tree) {
	k.order = append(k.order[:0], 0)
	if cap(k.position) < len(t.Left) {
		k.position = make([]int32, len(t.Left))
	}
	k.position = k.position[:len(t.Left)]
	for at := 0; at < len(k.order); at++ {
		n := k.order[at]
		k.position[n] = int32(at)
		if t.Left[n] >= 0 {
			k.order = append(k.order, t.Right[n], t.Left[n])
		}
	}
}

// leaf is the low half of a leaf's word: the value itself, or where a vector leaf's values begin.
func (k *Packer) leaf(t *Tree, n, outputs int, dst *Packed) uint32 {
	values := t.Values[n*outputs : (n+1)*outputs]
	if outputs == 1 {
		return math.Float32bits(values[0])
	}
	at := k.values
	dst.Values = append(dst.Values, values...)
	k.values += outputs
	return uint32(at)
}

// inner is the low half and the slot of an inner node.
func (k *Packer) inner(t *Tree, n int, dst *Packed) (uint32, int, error) {
	set := t.Category[n]
	test := NewTest(t.Feature[n], set != nil, t.Default[n])
	slot, ok := k.plan.slot[test]
	if !ok {
		return 0, 0, fmt.Errorf("the first pass saw no test of feature %d like node %d's; the file changed meanwhile, split again", t.Feature[n], n)
	}
	if set == nil {
		if x := t.Threshold[n]; x != x {
			return 0, 0, fmt.Errorf("the threshold of node %d is NaN", n)
		}
		return uint32(key(t.Threshold[n])), slot, nil
	}
	at := k.categories
	dst.Categories = append(dst.Categories, uint32(len(set)))
	dst.Categories = append(dst.Categories, set...)
	k.categories += CategoryWords(set)
	return uint32(at), slot, nil
}
