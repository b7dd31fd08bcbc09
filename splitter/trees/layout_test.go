package trees_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/forest"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/splitter/trees"
)

// mustTree describes a tree completely.
func mustTree(t testing.TB, src forest.Source, i int) string {
	t.Helper()
	var tree forest.Tree
	if err := src.Tree(i, &tree); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%v", tree)
}

// stumps is an ensemble of one-split trees, tree i on feature i modulo features.
type stumps struct {
	e forest.Ensemble
}

func newStumps(n, features int) *stumps {
	s := &stumps{e: forest.Ensemble{Library: forest.XGBoost, Version: "3.2.0", File: "m.json", Objective: "reg:squarederror", Outputs: 1,
		Init: []float32{0.5}, Features: make([]forest.Feature, features)}}
	for i := range n {
		s.e.Trees = append(s.e.Trees, forest.TreeInfo{Nodes: 3, Leaves: 2, Depth: 1, Outputs: []int{0}, MinLeaf: []float32{-1}, MaxLeaf: []float32{1},
			Tests: []forest.Test{forest.NewTest(int32(i%features), false, true)}})
	}
	return s
}

func (s *stumps) Ensemble() *forest.Ensemble { return &s.e }
func (s *stumps) Close() error               { return nil }
func (s *stumps) Tree(i int, t *forest.Tree) error {
	*t = forest.Tree{Feature: []int32{int32(s.e.Trees[i].Tests[0].Feature()), 0, 0}, Threshold: make([]float32, 3), Left: []int32{1, -1, -1}, Right: []int32{2, -1, -1},
		Default: []bool{true, false, false}, Original: []int32{0, 1, 2}, Category: make([][]uint32, 3), Values: []float32{0, -1, 1}}
	return nil
}

func lay(t testing.TB, src forest.Source, o layout.Options) (*layout.Layout, error) {
	t.Helper()
	o.Name, o.Version = "m", "1"
	return trees.NewModel(src).Layout(context.Background(), o)
}

func TestShardsCoverAllTreesAndNoneIsEmpty(t *testing.T) {
	for _, n := range []int{1, 2, 7, 16, 33} {
		for shards := 1; shards <= n; shards++ {
			l, err := lay(t, newStumps(n, 3), layout.Options{Shards: shards})
			if err != nil {
				t.Fatal(err)
			}
			next := 0
			for i, s := range l.Manifest.Shards {
				if s.Trees.First != next || s.Trees.Count < 1 || s.Trees.Count > (n+shards-1)/shards+1 {
					t.Fatalf("%d trees in %d shards: shard %d has %d from %d, wanted about %d from %d", n, shards, i, s.Trees.Count, s.Trees.First, n/shards, next)
				}
				next += s.Trees.Count
			}
			if next != n || len(l.Manifest.Shards) != shards {
				t.Fatalf("%d trees in %d shards: %d shards cover %d trees", n, shards, len(l.Manifest.Shards), next)
			}
		}
	}
}

func TestTooManyShardsAndTooLittleMemoryAreRefused(t *testing.T) {
	for want, o := range map[string]layout.Options{"at most 5 shards": {Shards: 6}, "more memory": {MemoryMB: 40}} {
		_, err := lay(t, newStumps(5, 2), o)
		var refusal *layout.RefusalError
		if !errors.As(err, &refusal) || !strings.Contains(refusal.Remedy, want) {
			t.Errorf("options %+v: error %v, want a refusal whose remedy says %q", o, err, want)
		}
	}
	if _, err := lay(t, newStumps(0, 2), layout.Options{Shards: 1}); err == nil {
		t.Error("an ensemble without trees was laid out")
	}
}

func TestMemoryGivesTheFewestShardsThatFit(t *testing.T) {
	src := newStumps(40, 4)
	for i := range src.e.Trees {
		src.e.Trees[i].Nodes = 1 << 19 // 6 MB a tree
	}
	for mb, want := range map[int]int{4096: 1, 180: 2, 64: 20, 57: 40} {
		l, err := lay(t, src, layout.Options{MemoryMB: mb})
		if err != nil {
			t.Fatal(err)
		}
		if len(l.Manifest.Shards) != want {
			t.Errorf("%d MB: %d shards, want %d", mb, len(l.Manifest.Shards), want)
		}
		for i, s := range l.Manifest.Shards {
			if total := s.Memory.Weights + s.Memory.Fixed + 1024*s.Memory.PerRow; total > int64(mb)<<20 {
				t.Errorf("%d MB: shard %d takes %d bytes by its own estimate", mb, i, total)
			}
		}
	}
}

func TestColumnsAreSelectedOnlyWhenThatPays(t *testing.T) {
	few, err := lay(t, newStumps(8, 8), layout.Options{Shards: 4})
	if err != nil {
		t.Fatal(err)
	}
	if kind := few.Manifest.Steps[0].Stage.Inputs[0].Scatter.Kind; kind != manifest.ScatterSelect {
		t.Errorf("shards that test 2 of 8 features: scatter %q, want %q", kind, manifest.ScatterSelect)
	}
	all, err := lay(t, newStumps(64, 8), layout.Options{Shards: 4})
	if err != nil {
		t.Fatal(err)
	}
	if kind := all.Manifest.Steps[0].Stage.Inputs[0].Scatter.Kind; kind != manifest.ScatterReplicate {
		t.Errorf("shards that test all features: scatter %q, want %q", kind, manifest.ScatterReplicate)
	}
}

func TestSumComesFirstWhenExactRepliesAreTooLarge(t *testing.T) {
	for n, want := range map[int]string{4600: "exact", 4700: "sum"} {
		l, err := lay(t, newStumps(n, 2), layout.Options{Shards: 1})
		if err != nil {
			t.Fatal(err)
		}
		if l.Manifest.Modes[0] != want {
			t.Errorf("%d trees in a shard: modes %v, want %s first", n, l.Manifest.Modes, want)
		}
	}
}

func TestTheSameModelGivesTheSameFilesAndAValidManifest(t *testing.T) {
	for path := range goldens(t) {
		var first [][]byte
		for range 2 {
			l, err := open(t, path).Layout(context.Background(), layout.Options{Shards: 2, Name: "m", Version: "1"})
			if err != nil {
				t.Fatal(err)
			}
			c := build(t, l)
			for i := range l.Manifest.Sources {
				l.Manifest.Sources[i].SHA256 = strings.Repeat("0", 64)
			}
			fill(t, l)
			if err := l.Manifest.Validate(); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			text, err := manifest.Canonical(l.Manifest)
			if err != nil {
				t.Fatal(err)
			}
			files := [][]byte{text}
			for _, p := range c.parts {
				files = append(files, p.bytes)
			}
			for i := range first {
				if !bytes.Equal(first[i], files[i]) {
					t.Errorf("%s: file %d differs between two layouts of the same model", path, i)
				}
			}
			first = files
		}
	}
}

// fill enters the files in the manifest as the writer does.
func fill(t testing.TB, l *layout.Layout) {
	t.Helper()
	for _, f := range l.Files {
		entry := manifest.File{Role: f.Role, Path: f.Path, Bytes: int64(len(f.Bytes)), SHA256: strings.Repeat("0", 64)}
		if f.Weights != nil {
			_, entry = writeWeights(t, f)
		}
		if f.Shard == layout.CoordinatorFile {
			l.Manifest.Local.Files = append(l.Manifest.Local.Files, entry)
		} else {
			l.Manifest.Shards[f.Shard].Files = append(l.Manifest.Shards[f.Shard].Files, entry)
		}
	}
}
