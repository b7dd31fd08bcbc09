package optimise

import "github.com/shardwise/shardwise/internal/graph"

// The versions of ai.onnx that have LayerNormalization and Gelu.
const (
	sinceLayerNorm = 17
	sinceGelu      = 20
)

// recognise makes single operators of LayerNormalization and Gelu where the graph's operator set has them or can be raised to
// one that does.
func recognise(w *work) {
	version := w.g.Opsets[""]
	if version == 0 {
		return
	}
	norms, gelus := w.layerNorms(), w.gelus()
	if len(gelus) > 0 && version < sinceGelu {
		version = w.raise(sinceGelu)
	}
	if len(norms) > 0 && version < sinceLayerNorm {
		version = w.raise(sinceLayerNorm)
	}
	if version >= sinceLayerNorm {
		for _, l := range norms {
			l.write(w)
		}
		w.done.LayerNorms += len(norms)
	}
	if version >= sinceGelu {
		for _, g := range gelus {
			g.write(w)
		}
		w.done.Gelus += len(gelus)
	}
}

// attentions counts the attention blocks: a product with a Softmax of a product, between which nothing but scales and masks stands.
func (w *work) attentions() int {
	count := 0
	for _, n := range w.g.Nodes {
		if op(n, "MatMul") && w.attends(n) {
			count++
		}
	}
	return count
}

// maxMasks bounds the operators between the product and the Softmax.
const maxMasks = 6

func (w *work) attends(n *graph.Node) bool {
	soft := w.made(n.Inputs[0], "Softmax")
	if soft == nil {
		soft = w.made(w.throughWhere(n.Inputs[0]), "Softmax")
	}
	if soft == nil {
		return false
	}
	at := soft.Inputs[0]
	for range maxMasks {
		if w.made(at, "MatMul") != nil {
			return w.g.Weights[n.Inputs[1]] == nil
		}
		step := w.made(at, "Mul", "Div", "Add", "Sub", "Where")
		if step == nil {
			return false
		}
		next := ""
		for _, in := range step.Inputs {
			if w.made(in, "MatMul", "Mul", "Div", "Add", "Sub", "Where") != nil {
				next = in
				break
			}
		}
		if next == "" {
			return false
		}
		at = next
	}
	return false
}

// throughWhere steps over the Where that clears rows without any key.
func (w *work) throughWhere(name string) string {
	n := w.made(name, "Where")
	if n == nil {
		return name
	}
	return n.Inputs[2]
}
