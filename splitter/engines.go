package splitter

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/engine/onnxruntime"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/splitter/layout"
)

// chooseEngines writes into the manifest which engine runs each program.
func chooseEngines(l *layout.Layout, o layout.Options) error {
	var lists [][]manifest.Program
	for i := range l.Manifest.Shards {
		lists = append(lists, l.Manifest.Shards[i].Programs)
	}
	if l.Manifest.Local != nil {
		lists = append(lists, l.Manifest.Local.Programs)
	}
	lacking := map[string]bool{}
	for _, programs := range lists {
		for i := range programs {
			p := &programs[i]
			g, err := programGraph(l, p.Graph)
			if err != nil {
				return err
			}
			var lacks []string
			if p.Engine, lacks, err = engineFor(g, o.Engine, l.Uncovered); err != nil {
				return err
			}
			for _, op := range lacks {
				lacking[op] = true
			}
		}
	}
	if len(lacking) > 0 && o.Note != nil {
		o.Note(fmt.Sprintf("the engine is %s, because the native one does not cover %s; functions need a bootstrap built with -tags %s and the library",
			onnxruntime.Name, strings.Join(sortedKeys(lacking), ", "), onnxruntime.Name))
	}
	return nil
}

// programGraph decodes the graph that the layout has at path.
func programGraph(l *layout.Layout, path string) (*graph.Graph, error) {
	i := slices.IndexFunc(l.Files, func(f layout.File) bool { return f.Role == manifest.RoleProgram && f.Path == path })
	if i < 0 {
		return nil, fmt.Errorf("split: the layout has no program %s", path)
	}
	g, err := onnx.Decode(l.Files[i].Bytes)
	if err != nil {
		return nil, fmt.Errorf("split: program %s: %w", path, err)
	}
	return g, nil
}

// engineFor is the engine that the wish gives a program of a model in which the native engine does not cover some
// operators. Where EngineAuto had to leave the native one, lacks are the operators for which it had to.
func engineFor(g *graph.Graph, wish string, uncovered []string) (name string, lacks []string, err error) {
	if wish == onnxruntime.Name {
		for _, n := range g.Nodes {
			if err := onnxruntime.Refuses(n); err != nil {
				return "", nil, refusedBy(err, onnxruntime.Name, "leave --engine out: the native engine runs it")
			}
		}
		return onnxruntime.Name, nil, nil
	}
	covers := native.NewCoverage()
	for _, n := range g.Nodes {
		err := covers.Refuses(n, g.Opsets, g.Weights, nil)
		if err == nil {
			continue
		}
		if wish == native.Name {
			return "", nil, refusedBy(err, native.Name, "leave --engine out, so that "+onnxruntime.Name+" runs it")
		}
		if onnxruntime.Refuses(n) != nil {
			return "", nil, refusedBy(err, native.Name, "no other engine has it either")
		}
		lacks = append(lacks, fmt.Sprintf("node %s (%s)", n.Name, operatorName(n)))
	}
	// What is not covered for its types cannot be told from the program, which declares those of its inputs only.
	if lacks = append(lacks, uncovered...); len(lacks) == 0 {
		return native.Name, nil, nil
	}
	for _, n := range g.Nodes {
		if err := onnxruntime.Refuses(n); err != nil {
			return "", nil, refusedBy(err, onnxruntime.Name, "the native engine has it, but does not cover "+strings.Join(lacks, ", "))
		}
	}
	return onnxruntime.Name, lacks, nil
}

func operatorName(n *graph.Node) string {
	if n.Domain == "" {
		return n.Op
	}
	return n.Domain + "." + n.Op
}

// refusedBy makes a refusal of what an engine says of a node.
func refusedBy(err error, name, remedy string) error {
	subject := "engine " + name
	var u *engine.UnsupportedError
	if errors.As(err, &u) {
		subject = fmt.Sprintf("node %s (%s)", u.Node, u.Op)
		err = errors.New(u.Reason)
	}
	return &layout.RefusalError{Subject: subject, Reason: err.Error(), Remedy: remedy}
}

// checkEngine refuses names that are no engine's.
func checkEngine(name string) error {
	known := []string{layout.EngineAuto, native.Name, onnxruntime.Name}
	if name == "" || slices.Contains(known, name) {
		return nil
	}
	return &layout.RefusalError{Subject: "engine " + name, Reason: "is not known", Remedy: "choose one of " + strings.Join(known, ", ")}
}

func sortedKeys(m map[string]bool) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
