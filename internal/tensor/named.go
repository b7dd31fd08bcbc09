package tensor

import "slices"

// Named is a set of tensors by name: the inputs or outputs of a program, or the components of a partial.
type Named map[string]*Tensor

// Names are the names in ascending order.
func (n Named) Names() []string {
	names := make([]string, 0, len(n))
	for k := range n {
		names = append(names, k)
	}
	slices.Sort(names)
	return names
}

// Bytes is the number of data bytes of all tensors, string offsets included.
func (n Named) Bytes() int {
	total := 0
	for _, t := range n {
		total += len(t.data) + 8*len(t.offsets)
	}
	return total
}
