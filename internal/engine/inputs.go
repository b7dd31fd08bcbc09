package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// CheckInputs compares the inputs of a program with what its graph declares: every name known, every needed one there,
// dtype and shape as declared, and the same size wherever the same symbol stands. Needed says by position which of the
// declared inputs must be there. The error is an *InputError.
func CheckInputs(program string, declared []graph.Value, needed []bool, in tensor.Named) error {
	if err := checkNames(program, declared, in); err != nil {
		return err
	}
	symbols := map[string]int{}
	for i, v := range declared {
		t := in[v.Name]
		if t == nil {
			if needed[i] {
				return &InputError{Input: v.Name, Want: describe(v), Found: "nothing"}
			}
			continue
		}
		if !fits(v, t, symbols) {
			return &InputError{Input: v.Name, Want: describe(v), Found: t.String()}
		}
	}
	return nil
}

// checkNames refuses the first name, in order, that is no input's.
func checkNames(program string, declared []graph.Value, in tensor.Named) error {
	known := 0
	for _, v := range declared {
		if _, ok := in[v.Name]; ok {
			known++
		}
	}
	if known == len(in) {
		return nil
	}
	for _, name := range in.Names() {
		if !slices.ContainsFunc(declared, func(v graph.Value) bool { return v.Name == name }) {
			return &InputError{Input: name, Want: "an input of " + program, Found: "a name that it does not have"}
		}
	}
	return nil
}

func fits(v graph.Value, t *tensor.Tensor, symbols map[string]int) bool {
	if t.DType() != v.DType {
		return false
	}
	if !v.Ranked {
		return true
	}
	if t.Rank() != len(v.Dims) {
		return false
	}
	for i, d := range v.Dims {
		n := t.Dim(i)
		if d.Size >= 0 {
			if n != d.Size {
				return false
			}
			continue
		}
		if d.Symbol == "" {
			continue
		}
		if old, ok := symbols[d.Symbol]; ok && old != n {
			return false
		}
		symbols[d.Symbol] = n
	}
	return true
}

func describe(v graph.Value) string {
	if !v.Ranked {
		return v.DType.String() + " of any shape"
	}
	dims := make([]string, len(v.Dims))
	for i, d := range v.Dims {
		switch {
		case d.Size >= 0:
			dims[i] = fmt.Sprint(d.Size)
		case d.Symbol != "":
			dims[i] = d.Symbol
		default:
			dims[i] = "?"
		}
	}
	return v.DType.String() + "[" + strings.Join(dims, ", ") + "], a symbol having one size everywhere"
}
