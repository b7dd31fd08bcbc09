package aggregate

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

func TestEachPositionContributesExactlyOnce(t *testing.T) {
	for _, s := range sampleAll(t, random(t), 3) {
		g, err := New(s.merge, 3, 16, s.tables)
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Add(1, s.partials[1]); err != nil {
			t.Fatal(err)
		}
		var duplicate *DuplicateError
		if err := g.Add(1, s.partials[1]); !errors.As(err, &duplicate) || duplicate.Position != 1 || duplicate.Of != 3 {
			t.Errorf("%s: second contribution of 1: error %v, want a *DuplicateError for 1/3", s.name, err)
		}
		for _, i := range []int{-1, 3} {
			var partial *PartialError
			if err := g.Add(i, s.partials[0]); !errors.As(err, &partial) {
				t.Errorf("%s: position %d: error %v, want a *PartialError", s.name, i, err)
			}
		}
		var missing *MissingError
		if _, err := g.Result(); !errors.As(err, &missing) || !slices.Equal(missing.Positions, []int{0, 2}) || !strings.Contains(err.Error(), "0/3, 2/3") {
			t.Errorf("%s: error %v, want a *MissingError naming 0/3 and 2/3", s.name, err)
		}
	}
}

// TestARefusedContributionLeavesTheMergerAsItWas spoils each component of one contribution in turn, and then gives the
// right one: the result has the bits of an undisturbed merge.
func TestARefusedContributionLeavesTheMergerAsItWas(t *testing.T) {
	const n = 3
	for _, s := range sampleAll(t, random(t), n) {
		want := inOrder(t, s.merge, 16, s.tables, s.partials, nil)
		g, err := New(s.merge, n, 16, s.tables)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range []int{1, 0, 2} {
			for name, bad := range spoiled(t, s.partials[i], i != 1) {
				var partial *PartialError
				if err := g.Add(i, bad); !errors.As(err, &partial) {
					t.Errorf("%s: %s: error %v, want a *PartialError", s.name, name, err)
					continue
				}
				if partial.Position != i || partial.Of != n || partial.Merge != s.merge.Kind {
					t.Errorf("%s: %s: error names merge %s, shard %d/%d, want %s %d/%d", s.name, name, partial.Merge, partial.Position, partial.Of, s.merge.Kind, i, n)
				}
			}
			if err := g.Add(i, s.partials[i]); err != nil {
				t.Fatalf("%s: the right contribution of %d: %v", s.name, i, err)
			}
		}
		if got := made(t)(g.Result()); !sameBits(got, want) {
			t.Errorf("%s: refused contributions changed the result", s.name)
		}
	}
}

// spoiled are variants of p that no merge may take; some are wrong only beside an earlier contribution.
func spoiled(t *testing.T, p Partial, later bool) map[string]Partial {
	variants := map[string]Partial{"empty": {}}
	with := func(role string, v *tensor.Tensor) Partial {
		q := Partial{}
		for k, c := range p {
			q[k] = c
		}
		q[role] = v
		return q
	}
	variants["unknown component"] = with("extra", f32s(t, []float32{1}, 1))
	for role, c := range p {
		variants["nil "+role] = with(role, nil)
		text := make([]string, c.Len())
		variants["strings as "+role] = with(role, made(t)(tensor.FromStrings(c.Shape(), text)))
		if later {
			shape := append(slices.Clone([]int(c.Shape())), 2)
			variants["another rank of "+role] = with(role, tensor.New(c.DType(), shape...))
			rows := slices.Clone([]int(c.Shape()))
			rows[0]++
			if !(role == manifest.RoleValue && len(p) == 2 && p[manifest.RoleIndex] != nil) {
				variants["another number of rows of "+role] = with(role, tensor.New(c.DType(), rows...))
			}
		}
	}
	return variants
}

func TestSqueezeDropsTheLastDimensionWhenItIsOne(t *testing.T) {
	for _, c := range []struct {
		shape, want tensor.Shape
		squeeze     bool
	}{
		{tensor.Shape{4, 1}, tensor.Shape{4}, true},
		{tensor.Shape{4, 1}, tensor.Shape{4, 1}, false},
		{tensor.Shape{4, 2}, tensor.Shape{4, 2}, true},
		{tensor.Shape{1}, tensor.Shape{}, true},
		{tensor.Shape{}, tensor.Shape{}, true},
	} {
		m := manifest.Merge{Kind: "sum", DType: tensor.F32, Acc: tensor.F32, Squeeze: c.squeeze}
		got := inOrder(t, m, 16, nil, []Partial{value(tensor.New(tensor.F32, c.shape...))}, nil)
		if !got.Shape().Equal(c.want) {
			t.Errorf("shape %v with squeeze %v gives %v, want %v", c.shape, c.squeeze, got.Shape(), c.want)
		}
	}
}

func TestNewRefusesSenselessMerges(t *testing.T) {
	good := manifest.Merge{Kind: "sum", DType: tensor.F32, Acc: tensor.F32}
	for name, c := range map[string]struct {
		merge    manifest.Merge
		n, radix int
	}{
		"no shards":                  {good, 0, 16},
		"radix 1":                    {good, 2, 1},
		"unknown kind":               {manifest.Merge{Kind: "average"}, 2, 16},
		"sum without acc":            {manifest.Merge{Kind: "sum", DType: tensor.F32}, 2, 16},
		"sum of floats to ints":      {manifest.Merge{Kind: "sum", DType: tensor.I32, Acc: tensor.F32}, 2, 16},
		"sum of ints to floats":      {manifest.Merge{Kind: "sum", DType: tensor.F32, Acc: tensor.I64}, 2, 16},
		"mean in I64":                {manifest.Merge{Kind: "mean", DType: tensor.I64, Acc: tensor.I64}, 2, 16},
		"malformed init":             {manifest.Merge{Kind: "sum", DType: tensor.F32, Acc: tensor.F32, Init: []string{"1.0"}}, 2, 16},
		"ordered sum without init":   {manifest.Merge{Kind: "ordered_sum", DType: tensor.F32, Acc: tensor.F32}, 2, 16},
		"ordered sum without table":  {manifest.Merge{Kind: "ordered_sum", DType: tensor.F32, Acc: tensor.F32, Init: []string{"00000000", "00000000"}}, 2, 16},
		"ordered sum without tables": {manifest.Merge{Kind: "ordered_sum", DType: tensor.F32, Acc: tensor.F32, Init: []string{"00000000"}, Table: "t"}, 2, 16},
		"bounds of other shards":     {manifest.Merge{Kind: "concat", DType: tensor.F32, Bounds: []int{0, 1}}, 2, 16},
		"topk without k":             {manifest.Merge{Kind: "topk", DType: tensor.F32, Bounds: []int{0, 1, 2}, Result: "value"}, 2, 16},
		"topk without bounds":        {manifest.Merge{Kind: "topk", DType: tensor.F32, K: 1, Result: "value"}, 2, 16},
		"topk without result":        {manifest.Merge{Kind: "topk", DType: tensor.F32, K: 1, Bounds: []int{0, 1, 2}}, 2, 16},
		"moments without result":     {manifest.Merge{Kind: "moments", DType: tensor.F32}, 2, 16},
		"softmax of ints":            {manifest.Merge{Kind: "softmax", DType: tensor.I32}, 2, 16},
		"vote for a float":           {manifest.Merge{Kind: "vote", DType: tensor.F32}, 2, 16},
	} {
		var merge *MergeError
		if _, err := New(c.merge, c.n, c.radix, nil); !errors.As(err, &merge) {
			t.Errorf("%s: error %v, want a *MergeError", name, err)
		}
	}
}
