package optimise

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shardwise/shardwise/internal/graph"
)

// Weights gives access to the bytes of constants. The passes use it from one goroutine.
type Weights interface {
	// Read gives the row-major bytes of a weight, which the caller does not change. It is asked for small ones only.
	Read(w *graph.Weight) ([]byte, error)
	// CanDerive reports whether Derive works from this weight.
	CanDerive(w *graph.Weight) bool
	// Derive registers w, which has no bytes, as what make gives for the row-major bytes of from when w is read.
	Derive(w, from *graph.Weight, make func(data []byte) ([]byte, error))
}

// Summary counts what was done, in nodes.
type Summary struct {
	Removed        int   // nodes that handed their input on, or stood twice in a row
	Merged         int   // nodes that computed what another one computes
	Shapes         int   // computed shapes that became constants
	Norms          int   // BatchNormalization nodes folded into the product before them
	Biases         int   // additions of a constant folded, also those of a MatMul
	Scales         int   // multiplications with a constant folded
	LayerNorms     int   // recognised LayerNormalization
	RMSNorms       int   // recognised RMSNormalization
	Gelus          int   // recognised Gelu
	Attentions     int   // attention that was seen; its nodes stay
	Bags           int   // recognised EmbeddingBag
	Experts        int   // experts of recognised layers
	Opset, OpsetTo int64 // the versions of ai.onnx before and after, 0 when it stayed
}

// Any reports whether anything changed.
func (s Summary) Any() bool {
	s.Attentions = 0
	return s != Summary{}
}

// Count is one line of a Summary.
type Count struct {
	Kind  string // a stable name for programs
	Text  string // what happened, for people
	Nodes int    // of "operator_set" the new version
}

// Counts are what is not 0, in the order of the passes.
func (s Summary) Counts() []Count {
	all := []Count{
		{"removed", "removed " + number(s.Removed, "node") + " without effect", s.Removed},
		{"merged", "merged " + number(s.Merged, "node") + " that others repeat", s.Merged},
		{"shapes", "made " + number(s.Shapes, "computed shape") + " constant", s.Shapes},
		{"batch_normalization", fmt.Sprintf("folded %d BatchNormalization", s.Norms), s.Norms},
		{"bias", "folded " + number(s.Biases, "bias"), s.Biases},
		{"scale", "folded " + number(s.Scales, "scale"), s.Scales},
		{"layer_normalization", fmt.Sprintf("recognised %d LayerNormalization", s.LayerNorms), s.LayerNorms},
		{"rms_normalization", fmt.Sprintf("recognised %d RMSNormalization", s.RMSNorms), s.RMSNorms},
		{"gelu", fmt.Sprintf("recognised %d Gelu", s.Gelus), s.Gelus},
		{"attention", "saw " + number(s.Attentions, "attention block"), s.Attentions},
		{"embedding_bag", fmt.Sprintf("recognised %d EmbeddingBag", s.Bags), s.Bags},
		{"experts", fmt.Sprintf("recognised %s of mixtures", number(s.Experts, "expert")), s.Experts},
		{"operator_set", fmt.Sprintf("raised operator set %d to %d", s.Opset, s.OpsetTo), int(s.OpsetTo)},
	}
	return slices.DeleteFunc(all, func(c Count) bool { return c.Nodes == 0 })
}

func number(n int, word string) string {
	switch {
	case n == 1:
		return "1 " + word
	case strings.HasSuffix(word, "s"):
		return fmt.Sprintf("%d %ses", n, word)
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// String is one line for people, "" when nothing happened.
func (s Summary) String() string {
	var parts []string
	for _, c := range s.Counts() {
		parts = append(parts, c.Text)
	}
	return strings.Join(parts, ", ")
}

// Add is what both did, one after the other.
func (s Summary) Add(o Summary) Summary {
	out := Summary{Removed: s.Removed + o.Removed, Merged: s.Merged + o.Merged, Shapes: s.Shapes + o.Shapes, Norms: s.Norms + o.Norms, Biases: s.Biases + o.Biases,
		Scales: s.Scales + o.Scales, LayerNorms: s.LayerNorms + o.LayerNorms, RMSNorms: s.RMSNorms + o.RMSNorms, Gelus: s.Gelus + o.Gelus, Attentions: max(s.Attentions, o.Attentions),
		Bags: s.Bags + o.Bags, Experts: s.Experts + o.Experts, Opset: s.Opset, OpsetTo: s.OpsetTo}
	if o.OpsetTo != 0 {
		out.OpsetTo = o.OpsetTo
		if s.OpsetTo == 0 {
			out.Opset = o.Opset
		}
	}
	return out
}

// maxRounds bounds how often the passes run. Every round but the last makes the graph smaller, and real models need two or
// three.
const maxRounds = 12

// Run optimises the graph in place. The graph is sound: names resolve and nodes stand in topological order. Its nodes
// and attributes must not be shared with another graph. Values of the model's outputs keep their names. An error is one of
// reading a weight.
//
// A graph that quantises activations keeps its arithmetic: no fold and no recognised pattern. Those move the last bits of
// an activation, rounding to 8 bits makes a whole step of a moved bit, and every later layer follows.
func Run(g *graph.Graph, weights Weights) (Summary, error) {
	var done Summary
	passes := []func(*work){tidy, merge, shapes, fold, recognise}
	if quantises(g) {
		passes = passes[:3]
	}
	for range maxRounds {
		w := newWork(g, weights)
		for _, pass := range passes {
			pass(w)
			w.finish()
			if w.err != nil {
				return done, w.err
			}
		}
		changed := w.done.Any()
		w.done.Attentions = w.attentions()
		if done = done.Add(w.done); !changed {
			break
		}
	}
	return done, nil
}

// quantises reports whether a node of the graph or of its bodies rounds activations to integers.
func quantises(g *graph.Graph) bool {
	for b := range g.All() {
		for _, n := range b.Nodes {
			if n.Op == "QuantizeLinear" || n.Op == "DynamicQuantizeLinear" {
				return true
			}
		}
	}
	return false
}

// Own rewrites what the native engine alone has an operator for, in place: the Loops that PyTorch exports EmbeddingBag as to shardwise.EmbeddingBag,
// ONNX Runtime's MoE and mixtures of experts that are written out to shardwise.Experts, the latter which adds in another order, and so not where activations are quantised. The same holds for RMSNormalization that
// is written out: its operator is newer than the operator sets that other engines' versions can be relied on to have. Everything else is as with Run.
func Own(g *graph.Graph, weights Weights) (Summary, error) {
	passes := []func(*work){(*work).packs, bags, (*work).experts, (*work).rmsNorms}
	if quantises(g) {
		passes = passes[:2]
	}
	w := newWork(g, weights)
	for _, pass := range passes {
		pass(w)
		w.finish()
	}
	return w.done, w.err
}
