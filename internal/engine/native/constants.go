package native

import (
	"fmt"
	"sync/atomic"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// constants are a program's weights: those inside the graph, and those of the weights file, fetched when first needed.
type constants struct {
	graph *graph.Graph
	file  engine.Weights
	slots []constant
}

// constant is a weight that the program uses; its tensor is kept once it has been fetched.
type constant struct {
	slot   int
	name   string
	tensor *atomic.Pointer[tensor.Tensor]
}

func (k *constants) add(slot int, name string, w *graph.Weight) error {
	c := constant{slot: slot, name: name, tensor: &atomic.Pointer[tensor.Tensor]{}}
	if w.Location == "" {
		t, err := engine.Inline(w)
		if err != nil {
			return err
		}
		c.tensor.Store(t)
	} else if k.file == nil {
		return fmt.Errorf("constant %q lies in %q, and no weights were given", name, w.Location)
	}
	k.slots = append(k.slots, c)
	return nil
}

// Weight implements engine.Weights for operators that look at small constants when they are compiled.
func (k *constants) Weight(name string) (*tensor.Tensor, error) {
	w, ok := k.graph.Weights[name]
	if !ok {
		return nil, fmt.Errorf("there is no constant %q", name)
	}
	if w.Location == "" {
		return engine.Inline(w)
	}
	if k.file == nil {
		return nil, fmt.Errorf("constant %q lies in %q, and no weights were given", name, w.Location)
	}
	t, err := k.file.Weight(name)
	if err != nil {
		return nil, err
	}
	if t.DType() != w.DType || !t.Shape().Equal(w.Shape) {
		return nil, fmt.Errorf("constant %q: the graph declares %s%v, the weights file has %v", name, w.DType, w.Shape, t)
	}
	return t, nil
}

// get fetches constant i. Two runs that fetch it at once get the same view.
func (k *constants) get(i int) (*tensor.Tensor, error) {
	c := k.slots[i]
	if t := c.tensor.Load(); t != nil {
		return t, nil
	}
	t, err := k.Weight(c.name)
	if err != nil {
		return nil, err
	}
	c.tensor.Store(t)
	return t, nil
}
