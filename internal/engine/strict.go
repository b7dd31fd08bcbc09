package engine

import "fmt"

// Strict is the table with kernels that refuse, when they run, an input whose dtype their operator's In does not list. A
// family whose kernels do not look at every dtype themselves returns its table through it.
func Strict(t Table) Table {
	for _, definitions := range t {
		for i, op := range definitions {
			build := op.Build
			definitions[i].Build = func(s *Site) (Kernel, error) {
				k, err := build(s)
				if err != nil {
					return nil, err
				}
				return strict{k, op.In}, nil
			}
		}
	}
	return t
}

// strict is a kernel behind the check of its inputs.
type strict struct {
	Kernel
	in []Types
}

// Run implements Kernel.
func (k strict) Run(c *Call) error {
	for i, x := range c.In {
		if x == nil || len(k.in) == 0 {
			continue
		}
		if types := k.in[min(i, len(k.in)-1)]; types != 0 && !types.Has(x.DType()) {
			return fmt.Errorf("input %d is %v, wanted %v", i, x, types)
		}
	}
	return k.Kernel.Run(c)
}
