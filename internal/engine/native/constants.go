package native

import (
	"fmt"
	"sync/atomic"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// constants are the weights that a program and its bodies use: those inside the graphs, and those of the weights file,
// fetched when first needed. The maps are filled while a program is compiled and not changed afterwards.
type constants struct {
	file engine.Weights
	used map[*graph.Weight]*constant
	// named are the weights of the file by name: graphs in attributes may have names of their own, the file has one space.
	named map[string]*graph.Weight
}

func newConstants(file engine.Weights) *constants {
	return &constants{file: file, used: map[*graph.Weight]*constant{}, named: map[string]*graph.Weight{}}
}

// constant is one weight; its tensor is kept once it has been fetched. It is safe for concurrent use.
type constant struct {
	name   string
	weight *graph.Weight
	file   engine.Weights
	tensor atomic.Pointer[tensor.Tensor]
}

// of finds or enters a weight that a graph calls by the name.
func (k *constants) of(name string, w *graph.Weight) (*constant, error) {
	if c, ok := k.used[w]; ok {
		return c, nil
	}
	c := &constant{name: name, weight: w, file: k.file}
	switch {
	case w.Location == "":
		t, err := engine.Inline(w)
		if err != nil {
			return nil, err
		}
		c.tensor.Store(t)
	case k.file == nil:
		return nil, fmt.Errorf("constant %q lies in %q, and no weights were given", name, w.Location)
	default:
		if other, ok := k.named[name]; ok && !samePlace(w, other) {
			return nil, fmt.Errorf("two graphs have constants %q of their own in the weights file, which has one: rename one of them", name)
		}
		k.named[name] = w
	}
	k.used[w] = c
	return c, nil
}

func samePlace(a, b *graph.Weight) bool {
	return a.Location == b.Location && a.Offset == b.Offset && a.Length == b.Length && a.DType == b.DType && a.Shape.Equal(b.Shape)
}

// fixed enters the tensor of a Constant node.
func (k *constants) fixed(name string, t *tensor.Tensor) *graph.Weight {
	w := &graph.Weight{Name: name, DType: t.DType(), Shape: t.Shape(), Data: t.Bytes()}
	if t.DType() == tensor.String {
		w.Data = nil
		for i := range t.Len() {
			w.Strings = append(w.Strings, t.StringAt(i))
		}
	}
	c := &constant{name: name, weight: w}
	c.tensor.Store(t)
	k.used[w] = c
	return w
}

// get fetches the constant. Two runs that fetch it at once get the same view.
func (c *constant) get() (*tensor.Tensor, error) {
	if t := c.tensor.Load(); t != nil {
		return t, nil
	}
	t, err := c.file.Weight(c.name)
	if err != nil {
		return nil, err
	}
	if t.DType() != c.weight.DType || !t.Shape().Equal(c.weight.Shape) {
		return nil, fmt.Errorf("constant %q: the graph declares %s%v, the weights file has %v", c.name, c.weight.DType, c.weight.Shape, t)
	}
	c.tensor.Store(t)
	return t, nil
}
