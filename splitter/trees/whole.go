package trees

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sync"

	"github.com/shardwise/shardwise/internal/engine/trees"
	"github.com/shardwise/shardwise/internal/forest"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/shardfile"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/partition"
)

// Names of the whole ensemble's graph beside those of shards' programs.
const (
	tensorInit = "trees.init"
	leafNodes  = "leaf_nodes"
	spooled    = "spool" // location of weights that the packer makes
)

// Whole is the ensemble as one graph, from features to predictions, for plans in which a function holds all of it. Its leaves are added by one node, in
// the library's order. Weights are packed into a temporary file, which has no name, when the first one is read, and are there until Close. What no plan
// can be made of is a *layout.RefusalError.
func (m *model) Whole() (*partition.Model, error) {
	if err := m.refuse(); err != nil {
		return nil, err
	}
	transform, err := m.prediction()
	if err != nil {
		return nil, err
	}
	plan, err := forest.NewPlan(m.e.Trees, func(f int) int { return f })
	if err != nil {
		return nil, err
	}
	r := &recipe{model: m, plan: plan, hi: len(m.e.Trees)}
	r.declare()
	m.spool = &spool{recipe: r}
	g := m.wholeGraph(r, transform)
	signature := m.signature(transform, sumErrors(m.e), m.e.Outputs)
	for i := range signature.Outputs {
		signature.Outputs[i].Rules = map[string]manifest.Rule{modeExact: signature.Outputs[i].Rules[modeExact]}
	}
	return &partition.Model{Graph: g, Values: m.wholeValues(g, r), Signature: signature, Mode: modeExact, Engine: engineName, Sources: m.sources(),
		Dims: dims, Read: m.spool.read}, nil
}

// wholeGraph is the graph: leaves, their sums in order, predictions, and the library's leaf indices.
func (m *model) wholeGraph(r *recipe, t trees.Transform) *graph.Graph {
	k := m.e.Outputs
	g := &graph.Graph{Name: "trees", Opsets: opsets(), Weights: map[string]*graph.Weight{},
		Inputs:  []graph.Value{matrix(inputName, m.e.Library.InputDType(), len(m.e.Features))},
		Outputs: []graph.Value{vector(outPrediction, tensor.F32, t.Columns(k)), vector(outMargin, tensor.F32, k), matrix(outLeaf, tensor.I32, len(m.e.Trees))}}
	for i, d := range r.tensors {
		g.Weights[d.Name] = &graph.Weight{Name: d.Name, DType: d.DType, Shape: d.Shape, Location: spooled, Offset: int64(i), Length: declaredBytes(d)}
	}
	table, init := []byte{}, []byte{}
	for i := range m.e.Trees {
		for _, o := range m.e.Trees[i].Outputs {
			table = binary.LittleEndian.AppendUint32(table, uint32(o))
		}
	}
	for _, v := range m.e.Init {
		init = binary.LittleEndian.AppendUint32(init, math.Float32bits(v))
	}
	g.Weights[tableName] = &graph.Weight{Name: tableName, DType: tensor.I32, Shape: tensor.Shape{len(table) / 4}, Data: table}
	g.Weights[tensorInit] = &graph.Weight{Name: tensorInit, DType: tensor.F32, Shape: tensor.Shape{k}, Data: init}
	node := func(name, op string, in, out []string, attrs map[string]graph.Attr) {
		g.Nodes = append(g.Nodes, &graph.Node{Name: name, Domain: graph.ShardwiseDomain, Op: op, Inputs: in, Outputs: out, Attrs: attrs})
	}
	node("ensemble", trees.OpEnsemble, m.ensembleInputs(g.Weights), []string{outValues, "", leafNodes},
		map[string]graph.Attr{trees.AttrOutputs: {Kind: graph.AttrInt, Int: int64(k)}})
	node("margin", trees.OpMargin, []string{outValues, tableName, tensorInit}, []string{outMargin}, nil)
	node(objectiveName, trees.OpObjective, []string{outMargin}, []string{outPrediction}, m.objectiveAttrs(t))
	node("leaf", trees.OpLeaf, []string{leafNodes, tensorLeafIDs}, []string{outLeaf}, nil)
	return g
}

// wholeValues are the types of all values of the whole graph.
func (m *model) wholeValues(g *graph.Graph, r *recipe) map[string]graph.Value {
	values := map[string]graph.Value{}
	for _, v := range append(append([]graph.Value{matrix(outValues, tensor.F32, len(r.plan.Columns)), matrix(leafNodes, tensor.I32, len(m.e.Trees))}, g.Inputs...), g.Outputs...) {
		values[v.Name] = v
	}
	for name, w := range g.Weights {
		v := graph.Value{Name: name, DType: w.DType, Ranked: true}
		for _, d := range w.Shape {
			v.Dims = append(v.Dims, graph.Dim{Size: d})
		}
		values[name] = v
	}
	return values
}

// dims translates dimensions of the whole graph: what has no size is the rows.
func dims(list []graph.Dim) []manifest.Dim {
	out := make([]manifest.Dim, len(list))
	for i, d := range list {
		if out[i].Size = d.Size; d.Size < 0 {
			out[i] = manifest.Dim{Name: manifest.Batch}
		}
	}
	return out
}

func declaredBytes(d shardfile.Declared) int64 {
	n := int64(d.DType.Size())
	for _, s := range d.Shape {
		n *= int64(s)
	}
	return n
}

// spool holds the packed tensors of a whole ensemble in a temporary file, one after the other. The file has no name any more, so that nothing of it is
// left when the process ends. It is safe for concurrent use.
type spool struct {
	recipe *recipe

	mu     sync.Mutex // guards what follows
	file   *os.File
	starts []int64
}

// read gives the bytes of a weight of the whole graph.
func (s *spool) read(w *graph.Weight) (io.ReaderAt, error) {
	if w.Location != spooled {
		return bytes.NewReader(w.Data), nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		if err := s.fill(); err != nil {
			return nil, errors.Join(fmt.Errorf("pack the trees: %w", err), s.close())
		}
	}
	return io.NewSectionReader(s.file, s.starts[w.Offset], w.Length), nil
}

// fill packs all tensors into the file.
func (s *spool) fill() (err error) {
	if s.file, err = os.CreateTemp("", "shardwise-trees-"); err != nil {
		return err
	}
	if err := os.Remove(s.file.Name()); err != nil {
		return err
	}
	s.starts = nil
	at := int64(0)
	for i, d := range s.recipe.tensors {
		s.starts = append(s.starts, at)
		if err := s.recipe.write(context.Background(), i, s.file); err != nil {
			return fmt.Errorf("tensor %s: %w", d.Name, err)
		}
		at += declaredBytes(d)
	}
	return nil
}

// close gives the file up, if there is one; mu is held.
func (s *spool) close() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	return err
}

// Close gives the file up.
func (s *spool) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.close()
}
