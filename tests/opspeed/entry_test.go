package opspeed

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/shardwise/shardwise/internal/engine/optest"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// entry is one node that is timed.
type entry struct {
	op      string // with its domain in front, unless that is ai.onnx
	what    string // tells entries of one operator apart
	opset   int64  // of the operator's domain; 0 means usual
	attrs   map[string]any
	in      []input
	outputs int // 0 means 1
	// loose is the tolerance of floats relative to the greatest one; 0 means 1e-5. Steps is by how many integers may differ.
	loose float64
	steps int
	// differ says why the outputs are not compared; empty when they are.
	differ string
}

// usual is the version of ai.onnx of entries that name none.
const usual = 21

func (e entry) name() string {
	if e.what == "" {
		return e.op
	}
	return e.op + ", " + e.what
}

func (e entry) split() (domain, op string) {
	if i := strings.LastIndex(e.op, "."); i >= 0 {
		return e.op[:i], e.op[i+1:]
	}
	return "", e.op
}

// input is a tensor to make; nil fill means an absent one.
type input struct {
	dtype    tensor.DType
	shape    []int
	fill     filling
	constant bool // a constant of the graph instead of an input
}

// filling gives element i.
type filling func(i int, rng *rand.Rand) float64

func normal(_ int, rng *rand.Rand) float64   { return rng.NormFloat64() }
func positive(_ int, rng *rand.Rand) float64 { return 0.1 + 2*rng.Float64() }
func inside(_ int, rng *rand.Rand) float64   { return 1.9*rng.Float64() - 0.95 }
func outside(_ int, rng *rand.Rand) float64  { return 1 + 5*rng.Float64() }
func falseTrue(i int, _ *rand.Rand) float64  { return float64(i * 7 % 3 % 2) }

func below(n int) filling {
	return func(_ int, rng *rand.Rand) float64 { return float64(rng.IntN(n)) }
}

func between(lo, hi int) filling {
	return func(_ int, rng *rand.Rand) float64 { return float64(lo + rng.IntN(hi-lo)) }
}

func these(values ...float64) filling {
	return func(i int, _ *rand.Rand) float64 { return values[i] }
}

func f32(fill filling, shape ...int) input { return input{dtype: tensor.F32, shape: shape, fill: fill} }
func f64(fill filling, shape ...int) input { return input{dtype: tensor.F64, shape: shape, fill: fill} }
func i64(fill filling, shape ...int) input { return input{dtype: tensor.I64, shape: shape, fill: fill} }
func i32(fill filling, shape ...int) input { return input{dtype: tensor.I32, shape: shape, fill: fill} }
func u8(fill filling, shape ...int) input  { return input{dtype: tensor.U8, shape: shape, fill: fill} }
func i8(fill filling, shape ...int) input  { return input{dtype: tensor.I8, shape: shape, fill: fill} }
func truths(shape ...int) input            { return input{dtype: tensor.Bool, shape: shape, fill: falseTrue} }

// weight makes the input a constant of the graph.
func (in input) weight() input {
	in.constant = true
	return in
}

// ints is a constant list of integers.
func ints(values ...float64) input { return i64(these(values...), len(values)).weight() }

func (in input) tensor(rng *rand.Rand) *tensor.Tensor {
	wide := tensor.New(tensor.F64, in.shape...)
	values := tensor.Of[float64](wide)
	for i := range values {
		values[i] = in.fill(i, rng)
		if !in.dtype.Float() {
			values[i] = math.Trunc(values[i])
		}
	}
	x, err := tensor.Convert(wide, in.dtype)
	if err != nil {
		panic(err)
	}
	return x
}

// graph is the entry's node alone, and its inputs. The numbers are the same each time.
func (e entry) graph() (*graph.Graph, tensor.Named) {
	rng := rand.New(rand.NewPCG(1, 2))
	domain, op := e.split()
	opset := e.opset
	if opset == 0 {
		opset = usual
		if domain != "" {
			opset = 3
		}
	}
	g := &graph.Graph{Name: e.name(), Opsets: map[string]int64{"": usual, domain: opset}, Weights: map[string]*graph.Weight{}}
	n := &graph.Node{Name: "node", Domain: domain, Op: op, Attrs: map[string]graph.Attr{}}
	g.Nodes = []*graph.Node{n}
	for name, v := range e.attrs {
		n.Attrs[name] = optest.Attr(v)
	}
	named := tensor.Named{}
	for i, in := range e.in {
		if in.fill == nil {
			n.Inputs = append(n.Inputs, "")
			continue
		}
		name, x := fmt.Sprint("in", i), in.tensor(rng)
		n.Inputs = append(n.Inputs, name)
		if in.constant {
			g.Weights[name] = &graph.Weight{Name: name, DType: x.DType(), Shape: x.Shape(), Data: x.Bytes()}
			continue
		}
		v := graph.Value{Name: name, DType: in.dtype, Ranked: true}
		for _, size := range in.shape {
			v.Dims = append(v.Dims, graph.Dim{Size: size})
		}
		g.Inputs, named[name] = append(g.Inputs, v), x
	}
	for i := range max(e.outputs, 1) {
		name := fmt.Sprint("out", i)
		n.Outputs = append(n.Outputs, name)
		g.Outputs = append(g.Outputs, graph.Value{Name: name})
	}
	return g, named
}
