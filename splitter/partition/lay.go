package partition

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/splitter/parts"
	"github.com/shardwise/shardwise/splitter/program"
)

const (
	// ReferenceFile is the unsharded graph, for verification. Its weights lie in no file: they are put together from the
	// shards' parts by the names in their origins.
	ReferenceFile = "reference.onnx"
	// unsharded is the file name that the reference graph gives for its weights.
	unsharded = "unsharded.safetensors"
)

// builder is a layout in the making.
type builder struct {
	model  *Model
	plan   *Plan
	stages []*program.Stage
	consts map[string]*graph.Weight // constants that the plan adds to the coordinator's programs
	layout *layout.Layout
}

// Lay makes the layout of a plan.
func Lay(m *Model, p *Plan, o layout.Options) (*layout.Layout, error) {
	b := &builder{model: m, plan: p, consts: map[string]*graph.Weight{}, layout: &layout.Layout{Concurrent: true, Manifest: &manifest.Manifest{
		Format: manifest.Format, Requires: []string{}, Name: o.Name, Version: o.Version, Radix: manifest.Radix,
		Sources: slices.Clone(m.Sources), Signature: m.Signature, Modes: []string{cmp.Or(m.Mode, Mode)}, Local: &manifest.Local{}}}}
	for i, s := range p.Stages {
		b.stages = append(b.stages, program.NewStage(stageName(i), p.Graph, s.Shards, s.Pieces))
	}
	for s := range p.Shards {
		if err := b.shard(s); err != nil {
			return nil, fmt.Errorf("shard %d/%d: %w", s, p.Shards, err)
		}
	}
	if err := b.coordinator(); err != nil {
		return nil, fmt.Errorf("coordinator: %w", err)
	}
	if !p.mixed() {
		if err := b.reference(); err != nil {
			return nil, err
		}
	}
	if needs := b.layout.Manifest.Needs(); len(needs) > 0 {
		b.layout.Manifest.Requires = needs
	}
	return b.layout, nil
}

// shard adds shard s with its programs for all stages that it takes part in.
func (b *builder) shard(s int) error {
	f := parts.New(fmt.Sprintf("shard-%03d.safetensors", s), b.model.Read)
	sh := manifest.Shard{Files: []manifest.File{}}
	var graphs []*graph.Graph
	var rows []int64
	for i, st := range b.stages {
		position := slices.Index(st.Shards, s)
		if position < 0 {
			continue
		}
		g := st.Program(position, f.Use)
		if g == nil {
			return fmt.Errorf("takes part in stage %d and runs nothing there, which is a bug", i)
		}
		in, out := st.Messages(position)
		graphs, rows = append(graphs, g), append(rows, perRow(g, in, out))
		sh.Programs = append(sh.Programs, manifest.Program{Step: stageName(i), Engine: b.model.Engine, Graph: fmt.Sprintf("shard-%03d.%s.onnx", s, stageName(i))})
	}
	files, memory, err := emit(s, f, graphs, sh.Programs, rows)
	sh.Memory = memory
	b.layout.Manifest.Shards = append(b.layout.Manifest.Shards, sh)
	b.layout.Files = append(b.layout.Files, files...)
	return err
}

// coordinator adds the local steps, and all steps in their order.
func (b *builder) coordinator() error {
	f := parts.New("coordinator.safetensors", b.model.Read)
	m := b.layout.Manifest
	steps, err := b.locals()
	if err != nil {
		return err
	}
	var graphs []*graph.Graph
	var rows []int64
	next := 0
	for i := 0; i <= len(b.stages); i++ {
		if next < len(steps) && steps[next].phase == i {
			st := &steps[next]
			next++
			g := b.program(st, f)
			graphs, rows = append(graphs, g), append(rows, perRow(g, g.Inputs, g.Outputs))
			m.Local.Programs = append(m.Local.Programs, manifest.Program{Step: localName(i), Engine: b.model.Engine, Graph: "coordinator." + localName(i) + ".onnx"})
			m.Steps = append(m.Steps, manifest.Step{Name: localName(i), Local: &manifest.LocalStep{Inputs: notNil(st.inputs), Outputs: notNil(st.outputs)}})
		}
		if i < len(b.stages) {
			m.Steps = append(m.Steps, manifest.Step{Name: stageName(i), Stage: b.describe(b.stages[i])})
		}
	}
	files, memory, err := emit(layout.CoordinatorFile, f, graphs, m.Local.Programs, rows)
	if err != nil {
		return err
	}
	m.Local.Memory = memory
	b.layout.Files = append(b.layout.Files, files...)
	return nil
}

func notNil(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// emit makes the files of a shard or of the coordinator: its weights, when it has any, and its programs, whose bytes per row are given.
func emit(shard int, f *parts.File, graphs []*graph.Graph, programs []manifest.Program, rows []int64) ([]layout.File, manifest.Memory, error) {
	var files []layout.File
	memory := manifest.Memory{Weights: f.Bytes(), Fixed: FixedBytes}
	if !f.Empty() {
		if err := f.Place(graphs); err != nil {
			return nil, memory, err
		}
		files = append(files, f.Recipe(shard))
	}
	for i, g := range graphs {
		data, err := onnx.Encode(g)
		if err != nil {
			return nil, memory, err
		}
		files = append(files, layout.File{Shard: shard, Role: manifest.RoleProgram, Path: programs[i].Graph, Bytes: data})
		memory.PerRow = max(memory.PerRow, rows[i])
	}
	return files, memory, nil
}

// reference adds the unsharded graph. Small constants stand in it, the others are named as the shards' origins name them.
func (b *builder) reference() error {
	g := b.newGraph("reference")
	g.Inputs, g.Outputs = b.model.Graph.Inputs, b.model.Graph.Outputs
	for _, n := range b.model.Graph.Nodes {
		g.Nodes = append(g.Nodes, program.WholeNode(b.model.Graph, n, g, func(g *graph.Graph, x parts.Part) string {
			w := *x.W
			if !parts.Inline(x.W) {
				w.Data, w.Location, w.Offset, w.Length = nil, unsharded, 0, x.Bytes()
			}
			g.Weights[w.Name] = &w
			return w.Name
		}))
	}
	data, err := onnx.Encode(g)
	if err != nil {
		return err
	}
	b.layout.Files = append(b.layout.Files, layout.File{Shard: layout.CoordinatorFile, Role: manifest.RoleReference, Path: ReferenceFile, Bytes: data})
	return nil
}
