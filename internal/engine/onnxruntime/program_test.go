//go:build onnxruntime

package onnxruntime

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// library is the engine on the shared library that SHARDWISE_ONNXRUNTIME names.
func library(t *testing.T) *Engine {
	t.Helper()
	path := os.Getenv("SHARDWISE_ONNXRUNTIME")
	if path == "" {
		t.Fatal("SHARDWISE_ONNXRUNTIME names no shared library; .ci/run onnxruntime installs one")
	}
	return New(path)
}

func TestMissingLibraryIsATypedError(t *testing.T) {
	// The binding has one library a process: only before any other is loaded does a path matter.
	if err := load("/nowhere/libonnxruntime.so"); err != nil {
		var missing *LibraryError
		if !errors.As(err, &missing) || missing.Tried[0] != "/nowhere/libonnxruntime.so" {
			t.Errorf("wanted a LibraryError that names the path, found %v", err)
		}
	} else {
		t.Error("a library that is not there was loaded")
	}
}

func TestProgramComputesWantedOutputsOnly(t *testing.T) {
	p, err := library(t).Compile(twoHeads(), nil)
	if err != nil {
		t.Fatal(err)
	}
	x, err := tensor.FromSlice(tensor.F32, []float32{1, -2}, 2)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Run(t.Context(), tensor.Named{"x": x}, []string{"first"})
	if err != nil {
		t.Fatal(err)
	}
	if got := tensor.Of[float32](out["first"]); len(out) != 1 || got[0] != 1 || got[1] != -2 {
		t.Errorf("x plus zero is %v, outputs %v", got, out.Names())
	}
	which := tensor.New(tensor.Bool)
	out, err = p.Run(t.Context(), tensor.Named{"x": x, "y": x, "which": which}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := tensor.Of[float32](out["second"]); len(out) != 2 || got[0] != -1 || got[1] != -2 {
		t.Errorf("-|x| is %v, outputs %v", got, out.Names())
	}
	var input *engine.InputError
	for _, in := range []tensor.Named{{}, {"x": which}, {"x": x, "z": x}} {
		if _, err := p.Run(t.Context(), in, []string{"first"}); !errors.As(err, &input) {
			t.Errorf("inputs %v: wanted an InputError, found %v", in, err)
		}
	}
	if _, err := p.Run(t.Context(), nil, []string{"third"}); !errors.As(err, &input) {
		t.Errorf("an unknown output: wanted an InputError, found %v", err)
	}
}

func TestEveryTypeAndRankCrossesUnchanged(t *testing.T) {
	for d := tensor.Bool; d <= tensor.String; d++ {
		for _, shape := range []tensor.Shape{{}, {3}, {2, 0, 3}, {2, 3}} {
			for _, ranked := range []bool{true, false} {
				v := value("x", d, shape...)
				v.Ranked = ranked
				w := v
				w.Name = "y"
				if !ranked {
					v.Dims, w.Dims = nil, nil
				}
				g := &graph.Graph{Name: "same", Opsets: map[string]int64{"": 17}, Inputs: []graph.Value{v}, Outputs: []graph.Value{w},
					Nodes: []*graph.Node{node("Identity", []string{"x"}, "y")}}
				p, err := library(t).Compile(g, nil)
				if err != nil {
					t.Fatalf("%s%v: %v", d, shape, err)
				}
				x := sample(t, d, shape)
				out, err := p.Run(t.Context(), tensor.Named{"x": x}, nil)
				if err != nil {
					t.Fatalf("%s%v, ranked %v: %v", d, shape, ranked, err)
				}
				diff, err := tensor.Diff(out["y"], x, tensor.Tolerance{Exact: true})
				if err != nil || diff.Beyond > 0 {
					t.Errorf("%s%v, ranked %v: %v %v", d, shape, ranked, diff, err)
				}
			}
		}
	}
}

// sample has other values in each element.
func sample(t *testing.T, d tensor.DType, shape tensor.Shape) *tensor.Tensor {
	t.Helper()
	n, err := shape.Elements()
	if err != nil {
		t.Fatal(err)
	}
	if d == tensor.String {
		x, err := tensor.FromStrings(shape, []string{"a", "", "ccc", "d", "é", "f"}[:n])
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	numbers := tensor.New(tensor.F32, shape...)
	for i := range tensor.Of[float32](numbers) {
		tensor.Of[float32](numbers)[i] = float32(i)
		if d == tensor.Bool {
			tensor.Of[float32](numbers)[i] = float32(i % 2)
		}
	}
	x, err := tensor.Convert(numbers, d)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestWhatTheLibraryLacksIsRefusedByName(t *testing.T) {
	g := &graph.Graph{Name: "bits", Opsets: map[string]int64{"": 17}, Inputs: []graph.Value{value("x", tensor.U16, 2)}, Outputs: []graph.Value{value("y", tensor.U16, 2)},
		Nodes: []*graph.Node{node("BitShift", []string{"x", "x"}, "y")}}
	g.Nodes[0].Attrs = map[string]graph.Attr{"direction": {Kind: graph.AttrString, Str: "LEFT"}}
	_, err := library(t).Compile(g, nil)
	var u *engine.UnsupportedError
	if !errors.As(err, &u) || u.Op != "BitShift" {
		t.Errorf("wanted BitShift refused, found %v", err)
	}
}

func TestAnEndedContextEndsTheRun(t *testing.T) {
	p, err := library(t).Compile(twoHeads(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Run(ctx, tensor.Named{"x": tensor.New(tensor.F32, 2)}, []string{"first"}); !errors.Is(err, context.Canceled) {
		t.Errorf("wanted context.Canceled, found %v", err)
	}
}
