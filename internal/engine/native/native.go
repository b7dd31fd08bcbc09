// Package native is the default engine: it assembles the operator families, compiles graphs with them and runs them.
//
// A program computes only what the wanted outputs need. Constants of the graph's weights file are fetched when a run
// first needs them. Intermediates live where a layout for the inputs' shapes puts them (docs/decisions/0010); inputs are
// never changed, and outputs are the caller's. Graphs in attributes run as blocks of the program. A row's bits depend on
// nothing but the row and the weights.
//
// The package knows nothing of shards or Lambda. Shards, the coordinator and the splitter (for constant folding and to
// ask what is covered) call it.
package native

import (
	"fmt"
	"maps"
	"slices"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/attention"
	"github.com/shardwise/shardwise/internal/engine/classic"
	"github.com/shardwise/shardwise/internal/engine/control"
	"github.com/shardwise/shardwise/internal/engine/conv"
	"github.com/shardwise/shardwise/internal/engine/dense"
	"github.com/shardwise/shardwise/internal/engine/elementwise"
	"github.com/shardwise/shardwise/internal/engine/embedding"
	"github.com/shardwise/shardwise/internal/engine/experts"
	"github.com/shardwise/shardwise/internal/engine/index"
	"github.com/shardwise/shardwise/internal/engine/norm"
	"github.com/shardwise/shardwise/internal/engine/quant"
	"github.com/shardwise/shardwise/internal/engine/recurrent"
	"github.com/shardwise/shardwise/internal/engine/reduce"
	"github.com/shardwise/shardwise/internal/engine/sequence"
	"github.com/shardwise/shardwise/internal/engine/shape"
	"github.com/shardwise/shardwise/internal/engine/signal"
	"github.com/shardwise/shardwise/internal/engine/text"
	"github.com/shardwise/shardwise/internal/engine/trees"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Name is what manifests call this engine.
const Name = "native"

// Newest is the newest opset of ai.onnx whose operators were read. A later one may define them otherwise.
const Newest = 28

// Native is the default engine. It is immutable and safe for concurrent use.
type Native struct{ table engine.Table }

// New assembles the engine from its families.
func New() engine.Engine { return newNative() }

func newNative() *Native {
	t := engine.Table{}
	for _, family := range []engine.Table{
		dense.Table(), elementwise.Table(), index.Table(), reduce.Table(), shape.Table(), classic.Table(), control.Table(), trees.Table(),
		conv.Table(), norm.Table(), recurrent.Table(), attention.Table(), quant.Table(), signal.Table(), sequence.Table(), embedding.Table(), experts.Table(), text.Table(),
	} {
		maps.Copy(t, family)
	}
	return &Native{table: t}
}

// Name implements engine.Engine: it is the constant Name, whatever the families.
func (*Native) Name() string { return Name }

// Compile implements engine.Engine. It fails with an *engine.UnsupportedError, or an error that names the node whose
// place in the graph is wrong.
func (e *Native) Compile(g *graph.Graph, w engine.Weights) (engine.Program, error) {
	if v := g.Opsets[""]; v > Newest {
		return nil, fmt.Errorf("compile %s: operator set %d of ai.onnx is newer than %d, the newest known: export the model with an older one", g.Name, v, Newest)
	}
	s := e.scope(g, nil)
	s.constants = newConstants(w)
	b, err := s.compile()
	if err != nil {
		return nil, fmt.Errorf("compile %s: %w", g.Name, err)
	}
	p, err := e.program(g, b)
	if err != nil {
		return nil, fmt.Errorf("compile %s: %w", g.Name, err)
	}
	return p, nil
}

// Refuses says why the engine does not cover the node in a graph with these opsets, looking at version, attributes,
// number of inputs and the dtypes of constants; it is nil when it does. Weights are the graph's constants.
func Refuses(n *graph.Node, opsets map[string]int64, weights map[string]*graph.Weight) error {
	return RefusesTyped(n, opsets, weights, nil)
}

// RefusesTyped is Refuses that also looks at the dtypes of the node's inputs, by name; Invalid and absent ones are
// unknown, and nothing is said of them.
func RefusesTyped(n *graph.Node, opsets map[string]int64, weights map[string]*graph.Weight, dtypes map[string]tensor.DType) error {
	return NewCoverage().Refuses(n, opsets, weights, dtypes)
}

// Coverage answers Refuses for many nodes without assembling the engine for each. It is immutable and safe for concurrent
// use.
type Coverage struct{ engine *Native }

// NewCoverage assembles the engine.
func NewCoverage() *Coverage { return &Coverage{newNative()} }

// Refuses is RefusesTyped; dtypes may be nil.
func (k *Coverage) Refuses(n *graph.Node, opsets map[string]int64, weights map[string]*graph.Weight, dtypes map[string]tensor.DType) error {
	g := &graph.Graph{Opsets: opsets, Weights: weights}
	s := k.engine.scope(g, nil)
	s.constants, s.open = newConstants(nil), true
	for name, d := range dtypes {
		if _, constant := weights[name]; !constant {
			s.slot(name, d, nil)
		}
	}
	_, _, err := s.kernel(n)
	return err
}

// operator finds the definition of a node's operator in the graph's version of its domain.
func (s *scope) operator(n *graph.Node) (engine.Operator, int64, error) {
	refuse := func(format string, args ...any) (engine.Operator, int64, error) {
		return engine.Operator{}, 0, &engine.UnsupportedError{Node: n.Name, Domain: n.Domain, Op: n.Op, Reason: fmt.Sprintf(format, args...)}
	}
	definitions, ok := s.engine.table[engine.Key{Domain: n.Domain, Op: n.Op}]
	if !ok {
		return refuse("the engine %s has no such operator", Name)
	}
	version, ok := s.opsets[n.Domain]
	if !ok {
		return refuse("the graph does not import the domain %q", n.Domain)
	}
	for _, d := range definitions {
		if version >= d.Since && (d.Until == 0 || version <= d.Until) {
			return d, version, nil
		}
	}
	oldest := slices.MinFunc(definitions, func(a, b engine.Operator) int { return int(a.Since - b.Since) })
	return refuse("version %d of its domain is not covered, the oldest covered is %d", version, oldest.Since)
}
