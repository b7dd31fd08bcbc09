package coordinator

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
)

// symbols are the sizes that a request gives to the symbolic dimensions of a signature.
type symbols map[string]int

// checkInputs holds the request's tensors against the signature: the same names, dtypes that are the declared ones or
// convertible to them by Accepts, shapes with one size per symbol, values as checkValues allows them. It returns the
// tensors in the declared dtypes. Everything wrong is an *shard.Error of kind BadInput,
// with rows counted from firstRow.
func checkInputs(sig *manifest.Signature, in tensor.Named, firstRow int64) (tensor.Named, symbols, error) {
	if err := checkNames(sig, in); err != nil {
		return nil, nil, err
	}
	bound := symbols{}
	out := make(tensor.Named, len(in))
	for i := range sig.Inputs {
		decl := &sig.Inputs[i]
		t, err := convertInput(decl, in[decl.Name])
		if err != nil {
			return nil, nil, err
		}
		if err := bound.bind(decl.Shape, t.Shape()); err != nil {
			return nil, nil, badInput(decl.Name, "wanted shape %s, found %v: %s", dimsText(decl.Shape), t.Shape(), err)
		}
		if err := checkValues(decl, in[decl.Name], t, firstRow); err != nil {
			return nil, nil, err
		}
		out[decl.Name] = t
	}
	return out, bound, nil
}

func badInput(name, format string, args ...any) error {
	return &shard.Error{Op: "check inputs", Kind: shard.BadInput, Message: fmt.Sprintf("input %q: ", clip(name)) + fmt.Sprintf(format, args...)}
}

func checkNames(sig *manifest.Signature, in tensor.Named) error {
	var want []string
	for _, decl := range sig.Inputs {
		want = append(want, decl.Name)
		if in[decl.Name] == nil {
			return badInput(decl.Name, "is missing; found %s", quoted(in.Names()))
		}
	}
	for _, name := range in.Names() {
		if !slices.Contains(want, name) {
			return badInput(name, "is not in the model's signature, which has %s", quoted(want))
		}
	}
	return nil
}

func convertInput(decl *manifest.Input, t *tensor.Tensor) (*tensor.Tensor, error) {
	if t.DType() != decl.DType && !slices.Contains(decl.Accepts, t.DType()) {
		accepted := ""
		for _, d := range decl.Accepts {
			accepted += " or " + d.String()
		}
		return nil, badInput(decl.Name, "wanted dtype %v%s, found %v", decl.DType, accepted, t.DType())
	}
	c, err := tensor.Convert(t, decl.DType)
	if err != nil {
		return nil, badInput(decl.Name, "%v", err)
	}
	return c, nil
}

// bind matches a shape with its declaration and remembers the size of each symbol.
func (s symbols) bind(decl []manifest.Dim, shape tensor.Shape) error {
	if len(shape) != len(decl) {
		return fmt.Errorf("%d dimensions instead of %d", len(shape), len(decl))
	}
	for i, d := range decl {
		if d.Name == "" {
			if shape[i] != d.Size {
				return fmt.Errorf("dimension %d is %d instead of %d", i, shape[i], d.Size)
			}
			continue
		}
		if size, ok := s[d.Name]; ok && size != shape[i] {
			return fmt.Errorf("dimension %d is %d, but %s is %d elsewhere in the request", i, shape[i], d.Name, size)
		}
		s[d.Name] = shape[i]
	}
	return nil
}

func dimsText(dims []manifest.Dim) string {
	parts := make([]string, len(dims))
	for i, d := range dims {
		parts[i] = d.String()
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func quoted(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	const shown = 10
	parts := make([]string, 0, shown+1)
	for i, n := range names {
		if i == shown {
			parts = append(parts, fmt.Sprintf("and %d more", len(names)-shown))
			break
		}
		parts = append(parts, fmt.Sprintf("%q", clip(n)))
	}
	return strings.Join(parts, ", ")
}

func clip(s string) string { return clipTo(s, 64) }

func clipTo(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "..."
}
