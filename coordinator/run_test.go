package coordinator_test

import (
	"bytes"
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/shardtest/minimodel"
)

func both() []string { return []string{"prediction", "wide"} }

func TestRunEqualsTheUnshardedModel(t *testing.T) {
	rng := newRand(t)
	for _, shards := range []int{1, 2, 3, 17} {
		for _, rows := range []int{1, 2, 33} {
			o := minimodel.Options{Shards: shards, Integers: true, Seed: rng.Uint64()}
			if rows == 2 {
				o.Reply = "raw"
			}
			r := newRig(t, o, quick())
			in := integers(t, rng, rows, r.model.Features)
			got, err := r.c.Run(context.Background(), coordinator.Request{Inputs: in, Outputs: both()})
			if err != nil {
				t.Fatal(err)
			}
			prediction, wide := r.model.Reference(tensor.Of[float32](in["x"]))
			if !slices.Equal(tensor.Of[float32](got.Outputs["prediction"]), prediction) || !slices.Equal(tensor.Of[float32](got.Outputs["wide"]), wide) {
				t.Fatalf("%d shards, %d rows: the answer differs from the unsharded model's", shards, rows)
			}
			if s := got.Outputs["wide"].Shape(); !s.Equal(tensor.Shape{rows, r.model.Wide}) {
				t.Fatalf("shape %v", s)
			}
			if got.Mode != "sum" || got.Report.Blocks != 1 || len(got.Report.Attempts) != 2*shards || len(got.Report.Locals) != 1 {
				t.Fatalf("report %+v", got.Report)
			}
		}
	}
}

func TestRunCallsOnlyTheStagesThatTheOutputsNeed(t *testing.T) {
	r := newRig(t, minimodel.Options{}, quick())
	got, err := r.c.Run(context.Background(), coordinator.Request{Inputs: normal(t, newRand(t), 2, r.model.Features)})
	if err != nil {
		t.Fatal(err)
	}
	if names := got.Outputs.Names(); !slices.Equal(names, []string{"prediction"}) {
		t.Fatalf("wanted the default output, found %v", names)
	}
	for _, c := range r.cluster.Calls() {
		if c.Step != "hidden" {
			t.Fatalf("step %s was run for nothing", c.Step)
		}
		if c.Target.Qualifier != "m-"+r.model.Fingerprint[:12] {
			t.Fatalf("invoked at %v", c.Target)
		}
	}
}

func TestRunRoundsDoublesAsTheLibraryDoes(t *testing.T) {
	r := newRig(t, minimodel.Options{Shards: 1, Features: 1, Hidden: 1, Wide: 1}, quick())
	v := 16777217.0000001 // between two float32: to nearest even it is 16777216
	top := float64(math.MaxFloat32)
	x, err := tensor.FromSlice(tensor.F64, []float64{v, math.Inf(1), top * (1 + 1.0/(1<<26))}, 3, 1)
	if err != nil {
		t.Fatal(err)
	}
	doubled, err := r.c.Run(context.Background(), coordinator.Request{Inputs: tensor.Named{"x": x}})
	if err != nil {
		t.Fatal(err)
	}
	single, err := r.c.Run(context.Background(), coordinator.Request{Inputs: named(t, []float32{float32(v), float32(math.Inf(1)), math.MaxFloat32}, 3, 1)})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(doubled.Outputs["prediction"].Bytes(), single.Outputs["prediction"].Bytes()) {
		t.Fatal("float64 input was not rounded like a C cast")
	}
}

func TestRunRefusesInputsThatDoNotMatchTheSignature(t *testing.T) {
	r := newRig(t, minimodel.Options{}, quick())
	rng := newRand(t)
	good := normal(t, rng, 2, r.model.Features)
	huge, err := tensor.FromSlice(tensor.F64, make([]float64, 2*r.model.Features), 2, r.model.Features)
	if err != nil {
		t.Fatal(err)
	}
	tensor.Of[float64](huge)[2] = 1e300
	ints := tensor.Named{"x": tensor.New(tensor.I32, 2, r.model.Features)}
	for name, c := range map[string]struct {
		req  coordinator.Request
		text string
	}{
		"nothing":         {coordinator.Request{}, `input "x": is missing; found none`},
		"wrong name":      {coordinator.Request{Inputs: tensor.Named{"y": good["x"]}}, `input "x": is missing; found "y"`},
		"one too many":    {coordinator.Request{Inputs: tensor.Named{"x": good["x"], "y": good["x"]}}, `input "y": is not in the model's signature`},
		"dtype":           {coordinator.Request{Inputs: ints}, `wanted dtype F32 or F64, found I32`},
		"width":           {coordinator.Request{Inputs: normal(t, rng, 2, 5)}, `wanted shape [batch, 12], found [2, 5]`},
		"rank":            {coordinator.Request{Inputs: tensor.Named{"x": tensor.New(tensor.F32, 12)}}, `1 dimensions instead of 2`},
		"too large":       {coordinator.Request{Inputs: tensor.Named{"x": huge}}, `row 0, column 2 (from 0) is 1e+300, too large for F32`},
		"unknown output":  {coordinator.Request{Inputs: good, Outputs: []string{"margin"}}, `output "margin" is unknown`},
		"unknown mode":    {coordinator.Request{Inputs: good, Mode: "exact"}, `numeric mode "exact" is unknown`},
		"nil tensor":      {coordinator.Request{Inputs: tensor.Named{"x": nil}}, `is missing`},
		"endless request": {coordinator.Request{Inputs: good, ID: strings.Repeat("r", 2000)}, `at most 1024 bytes`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := r.c.Run(context.Background(), c.req)
			if k := shard.KindOf(err); k != shard.BadInput && k != shard.BadRequest || !strings.Contains(err.Error(), c.text) {
				t.Fatalf("wanted %q, found %v: %v", c.text, k, err)
			}
		})
	}
	if calls := r.cluster.Calls(); len(calls) != 0 {
		t.Fatalf("%d shards were asked all the same", len(calls))
	}
}

func TestRunOfNoRows(t *testing.T) {
	r := newRig(t, minimodel.Options{}, quick())
	got, err := r.c.Run(context.Background(), coordinator.Request{Inputs: named(t, nil, 0, r.model.Features), Outputs: both()})
	if err != nil {
		t.Fatal(err)
	}
	if s := got.Outputs["wide"].Shape(); !s.Equal(tensor.Shape{0, r.model.Wide}) {
		t.Fatalf("shape %v", s)
	}
}
