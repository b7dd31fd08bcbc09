package plan_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/sbinet/npyio/npy"

	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/simulator/network"
	"github.com/shardwise/shardwise/splitter"
	"github.com/shardwise/shardwise/splitter/partition"
	"github.com/shardwise/shardwise/splitter/parts"
	"github.com/shardwise/shardwise/splitter/plan"
	"github.com/shardwise/shardwise/splitter/program"
	"github.com/shardwise/shardwise/splitter/sharding"
)

// timeline replays plans of one model in virtual time: processors measured one after the other, the network drawn from a model.
type timeline struct {
	b     *testing.B
	model *partition.Model
	g     *sharding.Graph
	all   tensor.Named // every value of the unsharded run
	costs *plan.CostModel
	times map[string]float64 // seconds of programs that were measured already
}

// openCase opens an export and runs it unsharded.
func openCase(b *testing.B, dir string) *timeline {
	b.Helper()
	opened, err := splitter.Open(filepath.Join(dir, "model.onnx"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := opened.Close(); err != nil {
			b.Error(err)
		}
	})
	m, err := opened.(interface {
		Partition() (*partition.Model, error)
	}).Partition()
	if err != nil {
		b.Fatal(err)
	}
	for _, w := range m.Graph.Weights {
		r, err := m.Read(w)
		if err != nil {
			b.Fatal(err)
		}
		w.Data = make([]byte, sharding.Bytes(w))
		if _, err := r.ReadAt(w.Data, 0); err != nil && err != io.EOF {
			b.Fatal(err)
		}
	}
	t := &timeline{b: b, model: m, all: tensor.Named{}, costs: plan.DefaultCostModel(), times: map[string]float64{}}
	t.all = t.inputs(dir)
	whole := *m.Graph
	whole.Outputs = nil
	for _, n := range m.Graph.Nodes {
		for _, o := range n.Outputs {
			if o != "" {
				whole.Outputs = append(whole.Outputs, graph.Value{Name: o})
			}
		}
	}
	p, err := native.New().Compile(&whole, nil)
	if err != nil {
		b.Fatal(err)
	}
	out, err := p.Run(b.Context(), t.all, nil)
	if err != nil {
		b.Fatal(err)
	}
	for name, v := range t.all {
		out[name] = v
	}
	t.all = out
	// Types with the sizes of this request: the estimates are for it, and programs see no symbols.
	values := map[string]graph.Value{}
	for name, v := range m.Values {
		if x := out[name]; x != nil {
			v.Dims = nil
			for _, n := range x.Shape() {
				v.Dims = append(v.Dims, graph.Dim{Size: n})
			}
		}
		values[name] = v
	}
	t.g = sharding.New(m.Graph, values)
	return t
}

func (t *timeline) inputs(dir string) tensor.Named {
	data, err := os.ReadFile(filepath.Join(dir, "inputs.json"))
	if err != nil {
		t.b.Fatal(err)
	}
	var files struct{ Inputs map[string]string }
	if err := json.Unmarshal(data, &files); err != nil {
		t.b.Fatal(err)
	}
	in := tensor.Named{}
	for _, v := range t.model.Graph.Inputs {
		in[v.Name] = readArray(t.b, filepath.Join(dir, files.Inputs[v.Name]), v.DType)
	}
	return in
}

// readArray reads an array of float32 or int64.
func readArray(b *testing.B, path string, d tensor.DType) *tensor.Tensor {
	b.Helper()
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	r, err := npy.NewReader(f)
	if err != nil {
		b.Fatal(err)
	}
	x := tensor.New(d, r.Header.Descr.Shape...)
	if d == tensor.F32 {
		list := tensor.Of[float32](x)
		err = r.Read(&list)
		copy(tensor.Of[float32](x), list)
	} else {
		list := tensor.Of[int64](x)
		err = r.Read(&list)
		copy(tensor.Of[int64](x), list)
	}
	if err != nil {
		b.Fatalf("%s: %v", path, err)
	}
	return x
}

// seconds measures a program on the values that it reads, once for each set of units.
func (t *timeline) seconds(key string, g *graph.Graph, in tensor.Named) float64 {
	if s, ok := t.times[key]; ok {
		return s
	}
	p, err := native.New().Compile(g, nil)
	if err != nil {
		t.b.Fatal(err)
	}
	t.times[key] = fastest(t.b, p, in)
	return t.times[key]
}

// local measures what no stage has, as one program.
func (t *timeline) local(p *partition.Plan) float64 {
	staged := map[int]bool{}
	key := "local"
	for _, st := range p.Stages {
		for i := range st.Pieces {
			for _, n := range st.Pieces[i].List() {
				staged[n] = true
			}
		}
	}
	g := &graph.Graph{Name: "local", Opsets: t.g.Opsets, Weights: t.g.Weights}
	made, in := map[string]bool{}, tensor.Named{}
	for i, n := range t.g.Nodes {
		if staged[i] {
			continue
		}
		key += fmt.Sprint(",", i)
		g.Nodes = append(g.Nodes, n)
		for _, name := range n.Inputs {
			if name != "" && !made[name] && t.g.Weight(name) == nil && in[name] == nil {
				in[name] = t.all[name]
				g.Inputs = append(g.Inputs, t.g.Values[name])
			}
		}
		for _, o := range n.Outputs {
			if made[o] = true; o != "" {
				g.Outputs = append(g.Outputs, graph.Value{Name: o})
			}
		}
	}
	if len(g.Nodes) == 0 {
		return 0
	}
	return t.seconds(key, g, in)
}

// load enters parts of weights as constants of the program.
func (t *timeline) load(g *graph.Graph, p parts.Part) string {
	name := fmt.Sprintf("%s@%d.%d.%d-%d", p.W.Name, p.Dim, p.Outer, p.Lo, p.Hi)
	data, err := p.Load(t.b.Context(), p.W.Data)
	if err != nil {
		t.b.Fatal(err)
	}
	g.Weights[name] = &graph.Weight{Name: name, DType: p.W.DType, Shape: p.Shape(), Data: data}
	return name
}

const draws = 200

// latency is the mean of the plan's latency over draws of the network, in milliseconds.
func (t *timeline) latency(c *plan.Candidate) float64 {
	total := t.local(c.Plan) * 1e3
	codec := func(bytes int64) float64 { return float64(bytes) / t.costs.CodecMBs / 1e3 }
	for k, st := range c.Plan.Stages {
		s := program.NewStage("stage", t.g, st.Shards, masked(st.Pieces))
		r := &c.Estimate.Rounds[k]
		compute := make([]float64, len(st.Shards))
		for at := range st.Shards {
			in := tensor.Named{}
			for _, i := range s.Inputs() {
				if !slices.Contains(i.Positions, at) {
					continue
				}
				in[i.Name] = t.all[i.Value]
				if i.Placement.Kind == sharding.Shard {
					in[i.Name] = sliced(t.all[i.Value], i.Placement.Dim, i.Bounds[at], i.Bounds[at+1])
				}
			}
			key := ""
			for i := range st.Pieces {
				if p := &st.Pieces[i]; p.Region != nil {
					key += fmt.Sprint("|", p.Region.Key(), p.Bounds[at], p.Bounds[at+1])
				} else if p.At == at {
					key += fmt.Sprint("|", p.Nodes)
				}
			}
			compute[at] = t.seconds(key, s.Program(at, t.load), in)*1e3 + codec(r.Requests[at]+r.Replies[at])
		}
		sum := 0.0
		for d := range draws {
			slowest := 0.0
			for at := range st.Shards {
				trip := network.Gillis().Trip(network.Source(7, fmt.Sprint(k, "-", at), uint64(d)))
				out := trip.Request(int(r.Requests[at]))
				slowest = max(slowest, compute[at]+float64(out+trip.Reply(int(r.Replies[at])))/float64(time.Millisecond))
			}
			sum += slowest
		}
		total += sum/draws + codec(r.RequestBytes+r.ReplyBytes)
	}
	return total
}

// masked are the pieces without routes. What a shard computes of everything, masked, is at least what it computes of its own; messages are those of the
// plan itself.
func masked(pieces []program.Piece) []program.Piece {
	out := slices.Clone(pieces)
	for i := range out {
		out[i].Routed = false
	}
	return out
}

func sliced(x *tensor.Tensor, dim, lo, hi int) *tensor.Tensor {
	shape := x.Shape().Clone()
	outer, inner := 1, x.DType().Size()
	for d, n := range shape {
		if d < dim {
			outer *= n
		} else if d > dim {
			inner *= n
		}
	}
	n := shape[dim]
	shape[dim] = hi - lo
	out := tensor.New(x.DType(), shape...)
	for o := range outer {
		copy(out.Bytes()[o*(hi-lo)*inner:(o+1)*(hi-lo)*inner], x.Bytes()[(o*n+lo)*inner:])
	}
	return out
}

// BenchmarkChosenPlans replays every candidate of the exports that tests/reference/torch_export.py writes and compares the planner's choice with the best:
//
//	SHARDWISE_TORCH_DIR=DIR go test -run '^$' -bench ChosenPlans -benchtime 1x ./splitter/plan
func BenchmarkChosenPlans(b *testing.B) {
	dirs, err := filepath.Glob(filepath.Join(os.Getenv("SHARDWISE_TORCH_DIR"), "torch-*"))
	if err != nil || os.Getenv("SHARDWISE_TORCH_DIR") == "" || len(dirs) == 0 {
		b.Skip("SHARDWISE_TORCH_DIR names no folder with exports")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for b.Loop() {
		fmt.Printf("%-14s %6s %10s  %-30s %9s %9s  %-30s %9s %7s\n", "model", "shards", "candidates", "chosen", "estimate", "replayed", "best", "replayed", "ratio")
		for _, dir := range dirs {
			t := openCase(b, dir)
			planner := plan.New(t.g, plan.Options{})
			everything := choice{ratio: math.NaN()}
			for _, n := range []int{1, 2, 4, 7} {
				at := t.compare(planner.Candidates(n))
				at.print(filepath.Base(dir), fmt.Sprint(n))
				everything = everything.with(at)
			}
			everything.print(filepath.Base(dir), "any")
			b.ReportMetric(everything.ratio, filepath.Base(dir)+"-ratio")
		}
	}
}

// choice is the plan with the least estimate and the one with the least replayed time.
type choice struct {
	count                   int
	chosen, best            *plan.Candidate
	chosenReplay, bestReply float64
	ratio                   float64
}

func (t *timeline) compare(list []plan.Candidate) (c choice) {
	for i := range list {
		c = c.with(choice{count: 1, chosen: &list[i], best: &list[i], chosenReplay: t.latency(&list[i])})
	}
	return c
}

func (c choice) with(o choice) choice {
	if o.chosen == nil {
		return c
	}
	if o.bestReply == 0 {
		o.bestReply = o.chosenReplay
	}
	if c.chosen == nil {
		o.ratio = o.chosenReplay / o.bestReply
		return o
	}
	if o.chosen.Estimate.WarmMS < c.chosen.Estimate.WarmMS {
		c.chosen, c.chosenReplay = o.chosen, o.chosenReplay
	}
	if o.bestReply < c.bestReply {
		c.best, c.bestReply = o.best, o.bestReply
	}
	c.count, c.ratio = c.count+o.count, c.chosenReplay/c.bestReply
	return c
}

func (c choice) print(model, n string) {
	if c.chosen == nil {
		fmt.Printf("%-14s %6s %10s\n", model, n, "none")
		return
	}
	name := func(p *plan.Candidate) string { return fmt.Sprintf("%s, %d rounds", p.Kind, len(p.Plan.Stages)) }
	fmt.Printf("%-14s %6s %10d  %-30s %9.1f %9.1f  %-30s %9.1f %7.3f\n", model, n, c.count, name(c.chosen), c.chosen.Estimate.WarmMS, c.chosenReplay, name(c.best), c.bestReply, c.ratio)
}
