package dense

import (
	"context"
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/layout"
)

const (
	// fixedBytes is what a process needs before weights and rows: binary, runtime, buffers.
	fixedBytes = 48 << 20
	// memoryRows is the number of rows at once for which MemoryMB must suffice.
	memoryRows = 1024
	// ReferenceFile is the unsharded graph, for verification. Its weights lie in no file: they are put together from the
	// shards' parts by the names in their origins.
	ReferenceFile = "reference.onnx"
	// unsharded is the file name that the reference graph gives for its weights.
	unsharded = "unsharded.safetensors"
)

// Partition cuts the model. A wish that cannot be met is a *layout.RefusalError.
func Partition(ctx context.Context, m *Model, o layout.Options) (*layout.Layout, error) {
	if err := checkTypes(m); err != nil {
		return nil, err
	}
	p := newPlanner(m)
	if o.Shards > 0 {
		pl, err := p.choose(o.Shards)
		if err != nil {
			return nil, err
		}
		return pl.lay(o)
	}
	return p.fit(ctx, o)
}

// checkTypes refuses graphs in which the type of a value is not known: programs declare theirs.
func checkTypes(m *Model) error {
	for _, n := range m.Graph.Nodes {
		for _, o := range n.Outputs {
			if o != "" && m.Values[o].DType == tensor.Invalid {
				return &layout.RefusalError{Subject: fmt.Sprintf("node %s (%s)", n.Name, n.Op), Reason: fmt.Sprintf("the type of its output %s could not be inferred", o),
					Remedy: "run onnx.shape_inference on the model and export its types"}
			}
		}
	}
	return nil
}

// fit takes the fewest shards whose functions, and the coordinator's, stay within MemoryMB.
func (p *planner) fit(ctx context.Context, o layout.Options) (*layout.Layout, error) {
	limit, most := int64(o.MemoryMB)<<20, p.maxShards()
	// More shards never need more memory each, so the first number that fits is found by halving.
	lo, hi := 1, most
	for lo < hi {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		mid := (lo + hi) / 2
		need, err := p.need(mid)
		if err != nil {
			return nil, err
		}
		if need <= limit {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	need, err := p.need(lo)
	if err != nil {
		return nil, err
	}
	if need > limit {
		least := (need + 1<<20 - 1) >> 20
		return nil, &layout.RefusalError{Subject: fmt.Sprintf("%d MB of memory", o.MemoryMB), Remedy: fmt.Sprintf("give at least %d MB", least),
			Reason: fmt.Sprintf("with %d shards, the largest useful number, a function still needs %d MB for its weights, its process and %d rows", most, least, memoryRows)}
	}
	pl, err := p.choose(lo)
	if err != nil {
		return nil, err
	}
	return pl.lay(o)
}

// need is the memory of the largest function when the model is cut into n shards. It builds the coordinator's part and
// that of the shard whose parts are the largest.
func (p *planner) need(n int) (int64, error) {
	pl, err := p.choose(n)
	if err != nil {
		return 0, err
	}
	l := &layout.Layout{Manifest: &manifest.Manifest{Local: &manifest.Local{}}}
	if n == 1 {
		err = pl.single(l)
		return widest(l.Manifest), err
	}
	if err := pl.coordinator(l); err != nil {
		return 0, err
	}
	// The last part of every stage is one of its largest.
	if err := pl.addShard(l, n-1); err != nil {
		return 0, err
	}
	return widest(l.Manifest), nil
}

func widest(m *manifest.Manifest) int64 {
	need := func(x manifest.Memory) int64 { return x.Weights + x.Fixed + x.PerRow*memoryRows }
	most := int64(0)
	for _, s := range m.Shards {
		most = max(most, need(s.Memory))
	}
	if m.Local != nil {
		most = max(most, need(m.Local.Memory))
	}
	return most
}

// lay makes the manifest and the files.
func (p *plan) lay(o layout.Options) (*layout.Layout, error) {
	m := p.v.Model
	l := &layout.Layout{Manifest: &manifest.Manifest{
		Format: manifest.Format, Requires: []string{}, Name: o.Name, Version: o.Version, Radix: manifest.Radix,
		Sources: slices.Clone(m.Sources), Signature: m.Signature, Modes: []string{Mode}, Local: &manifest.Local{}}}
	if p.shards == 1 {
		if err := p.single(l); err != nil {
			return nil, err
		}
	} else if err := p.sharded(l); err != nil {
		return nil, err
	}
	l.Manifest.Requires = append(l.Manifest.Requires, l.Manifest.Needs()...)
	return l, p.reference(l)
}

// sharded adds the shards, then the coordinator's part.
func (p *plan) sharded(l *layout.Layout) error {
	for s := range p.shards {
		if err := p.addShard(l, s); err != nil {
			return fmt.Errorf("shard %d/%d: %w", s, p.shards, err)
		}
	}
	return p.coordinator(l)
}

// addShard adds shard s with its programs for all stages.
func (p *plan) addShard(l *layout.Layout, s int) error {
	f := newWeightsFile(p.v.Model, fmt.Sprintf("shard-%03d.safetensors", s))
	sh := manifest.Shard{Files: []manifest.File{}}
	var graphs []*graph.Graph
	for i := range p.groups {
		cuts := bounds(p.groups[i].width, p.shards)
		graphs = append(graphs, p.shardProgram(i, stageName(i), f, cuts[s], cuts[s+1]))
		sh.Programs = append(sh.Programs, manifest.Program{Step: stageName(i), Engine: engineName, Graph: fmt.Sprintf("shard-%03d.%s.onnx", s, stageName(i))})
	}
	files, memory, err := emit(s, f, graphs, sh.Programs)
	sh.Memory = memory
	l.Manifest.Shards = append(l.Manifest.Shards, sh)
	l.Files = append(l.Files, files...)
	return err
}

// coordinator adds the local steps, and all steps in their order.
func (p *plan) coordinator(l *layout.Layout) error {
	f := newWeightsFile(p.v.Model, "coordinator.safetensors")
	local := l.Manifest.Local
	steps := p.locals()
	var graphs []*graph.Graph
	next := 0
	for i := 0; i <= len(p.groups); i++ {
		if next < len(steps) && steps[next].phase == i {
			st := &steps[next]
			next++
			graphs = append(graphs, p.program(st, f))
			local.Programs = append(local.Programs, manifest.Program{Step: localName(i), Engine: engineName, Graph: "coordinator." + localName(i) + ".onnx"})
			l.Manifest.Steps = append(l.Manifest.Steps, manifest.Step{Name: localName(i), Local: &manifest.LocalStep{Inputs: notNil(st.inputs), Outputs: notNil(st.outputs)}})
		}
		if i < len(p.groups) {
			l.Manifest.Steps = append(l.Manifest.Steps, manifest.Step{Name: stageName(i), Stage: p.stage(i)})
		}
	}
	files, memory, err := emit(layout.CoordinatorFile, f, graphs, local.Programs)
	if err != nil {
		return fmt.Errorf("coordinator: %w", err)
	}
	local.Memory = memory
	l.Files = append(l.Files, files...)
	return nil
}

func notNil(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// emit makes the files of a shard or of the coordinator: its weights, when it has any, and its programs.
func emit(shard int, f *weightsFile, graphs []*graph.Graph, programs []manifest.Program) ([]layout.File, manifest.Memory, error) {
	var files []layout.File
	memory := manifest.Memory{Weights: f.bytes(), Fixed: fixedBytes}
	if len(f.parts) > 0 {
		if err := f.place(graphs); err != nil {
			return nil, memory, err
		}
		files = append(files, f.recipe(shard))
	}
	for i, g := range graphs {
		data, err := onnx.Encode(g)
		if err != nil {
			return nil, memory, err
		}
		files = append(files, layout.File{Shard: shard, Role: manifest.RoleProgram, Path: programs[i].Graph, Bytes: data})
		memory.PerRow = max(memory.PerRow, perRow(g))
	}
	return files, memory, nil
}

// requestBytes is what a request to a function can carry before base64: Lambda's limit of 6,291,456 bytes.
const requestBytes = 6_291_456 / 4 * 3

// perRow estimates the bytes per row of a program: its inputs and outputs, which also travel as frames in base64, and two
// values between, taken to be as wide as the program's widest weight. When a request cannot carry memoryRows rows, the
// estimate is lowered so that memoryRows of it are what a full request takes.
func perRow(g *graph.Graph) int64 {
	var in, out, inner int64
	size := func(list []graph.Value) (total int64) {
		for _, v := range list {
			n := int64(max(v.DType.Size(), 1))
			for _, d := range v.Dims {
				n *= int64(max(d.Size, 1))
			}
			total += n
		}
		return total
	}
	in, out = size(g.Inputs), size(g.Outputs)
	for _, w := range g.Weights {
		for _, d := range w.Shape {
			inner = max(inner, int64(d)*int64(w.DType.Size()))
		}
	}
	rows := min(requestBytes/max(in, out, 1)+1, memoryRows)
	return ((4*(in+out)+2*inner)*rows + memoryRows - 1) / memoryRows
}
