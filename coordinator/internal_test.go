package coordinator

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/assets"
)

func TestCutCoversAllRowsEvenly(t *testing.T) {
	for _, rows := range []int{0, 1, 2, 9, 10, 11, 1000, 1 << 40} {
		for _, limit := range []int{1, 3, 10, 1000, math.MaxInt} {
			if rows > 1<<20 && limit < 1000 {
				continue
			}
			if rows > 1<<20 {
				limit = rows / 7
			}
			spans := cut(rows, limit)
			at, least, most := 0, math.MaxInt, 0
			for _, s := range spans {
				if s.lo != at {
					t.Fatalf("cut(%d, %d): a gap before %d", rows, limit, s.lo)
				}
				at, least, most = s.hi, min(least, s.hi-s.lo), max(most, s.hi-s.lo)
			}
			if at != rows || most > limit || most-least > 1 {
				t.Fatalf("cut(%d, %d) = %v", rows, limit, spans)
			}
		}
	}
}

func TestScatterSlicesAndSelects(t *testing.T) {
	v, err := tensor.FromSlice(tensor.I16, []int16{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, 2, 3, 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		scatter manifest.Scatter
		columns []int
		want    []int16
		shape   tensor.Shape
	}{
		{manifest.Scatter{Kind: "replicate"}, nil, []int16{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, tensor.Shape{2, 3, 2}},
		{manifest.Scatter{Kind: "slice", Dim: 0, Bounds: []int{1, 2}}, nil, []int16{6, 7, 8, 9, 10, 11}, tensor.Shape{1, 3, 2}},
		{manifest.Scatter{Kind: "slice", Dim: 1, Bounds: []int{1, 3}}, nil, []int16{2, 3, 4, 5, 8, 9, 10, 11}, tensor.Shape{2, 2, 2}},
		{manifest.Scatter{Kind: "slice", Dim: 2, Bounds: []int{0, 1}}, nil, []int16{0, 2, 4, 6, 8, 10}, tensor.Shape{2, 3, 1}},
		{manifest.Scatter{Kind: "select"}, []int{1, 0, 1}, []int16{1, 0, 1, 3, 2, 3, 5, 4, 5, 7, 6, 7, 9, 8, 9, 11, 10, 11}, tensor.Shape{2, 3, 3}},
		{manifest.Scatter{Kind: "select"}, nil, []int16{}, tensor.Shape{2, 3, 0}},
	} {
		got, err := scatter(v, &c.scatter, c.columns, 0)
		if err != nil || !got.Shape().Equal(c.shape) || !slices.Equal(tensor.Of[int16](got), c.want) {
			t.Errorf("%+v %v: found %v %v, %v", c.scatter, c.columns, got, tensor.Of[int16](got), err)
		}
	}
	for kind, want := range map[string]shard.Kind{"teleport": shard.Unsupported, "route": shard.Unsupported} {
		if _, err := scatter(v, &manifest.Scatter{Kind: kind}, nil, 0); shard.KindOf(err) != want {
			t.Errorf("%s: %v", kind, err)
		}
	}
	for _, bad := range []manifest.Scatter{{Kind: "slice", Dim: 3, Bounds: []int{0, 1}}, {Kind: "slice", Dim: 1, Bounds: []int{2, 4}}} {
		if _, err := scatter(v, &bad, nil, 0); shard.KindOf(err) != shard.BadInput {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := scatter(v, &manifest.Scatter{Kind: "select"}, []int{2}, 0); shard.KindOf(err) != shard.BadInput {
		t.Errorf("column 2 of 2: %v", err)
	}
}

// A tree stage: exact mode returns one column per leaf value, of which the merge's table tells the number.
func TestExtentOfLeafColumnsComesFromTheTable(t *testing.T) {
	m := &manifest.Manifest{Shards: []manifest.Shard{
		{Trees: &manifest.Trees{Count: 3, Features: []int{0, 2}}}, {Trees: &manifest.Trees{Count: 5, Features: []int{1}}},
	}}
	m.Signature.Inputs = []manifest.Input{{Name: "features", DType: tensor.F32, Shape: []manifest.Dim{{Name: "batch"}, {Size: 3}}}}
	out := manifest.StageOutput{
		Value: "margin", Merge: manifest.Merge{Kind: manifest.MergeOrderedSum, DType: tensor.F32, Init: []string{"00000000", "00000000"}, Table: "t"},
		Components: []manifest.Component{{Role: "value", Name: "leaf_values", DType: tensor.F32, Shape: []manifest.Dim{{Name: "batch"}, {Name: "leaves"}}}},
	}
	stage := &manifest.Stage{
		Shards: []int{0, 1}, Outputs: []manifest.StageOutput{out},
		Inputs: []manifest.StageInput{{Name: "f", Value: "features", Scatter: manifest.Scatter{Kind: manifest.ScatterSelect}}},
	}
	for _, c := range []struct{ table, first, second int }{{8, 3, 5}, {16, 6, 10}, {0, 6, 10}} {
		x := newExtents(m, func(string) (int, error) { return c.table, nil })
		for p, columns := range []int{c.first, c.second} {
			e, err := x.component(stage, &out, &out.Components[0], p)
			if err != nil {
				t.Fatal(err)
			}
			perRow, fixed, ok := e.bytes()
			if !ok || fixed != 0 || perRow != 4*columns {
				t.Errorf("table of %d: shard %d takes %d bytes a row, known %v", c.table, p, perRow, ok)
			}
		}
		if perRow, _, ok := x.input(stage, &stage.Inputs[0], 0).bytes(); !ok || perRow != 8 {
			t.Errorf("input of two selected columns takes %d bytes a row", perRow)
		}
		x.merged(stage, &out)
		if got := x.values["margin"]; !reflect.DeepEqual(got.dims, []manifest.Dim{{Name: "batch"}, {Size: 2}}) {
			t.Errorf("margin is %+v", got)
		}
	}
}

func TestAMergeTableThatCannotBeReadIsAnError(t *testing.T) {
	local, err := assets.Open(t.TempDir(), nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := &manifest.Manifest{Shards: []manifest.Shard{{Trees: &manifest.Trees{Count: 3}}}}
	c := &Coordinator{manifest: m, local: local, deployment: &manifest.Deployment{Shards: []manifest.Function{{MemoryMB: 128}}}}
	_, _, err = c.blockRows([]manifest.Step{{Name: "trees", Stage: &manifest.Stage{Shards: []int{0}, Outputs: []manifest.StageOutput{{
		Value: "margin", Merge: manifest.Merge{Kind: manifest.MergeOrderedSum, DType: tensor.F32, Table: "tree_outputs"},
		Components: []manifest.Component{{Role: "value", Name: "leaf_values", DType: tensor.F32, Shape: []manifest.Dim{{Name: "batch"}, {Name: "trees"}}}},
	}}}}})
	if shard.KindOf(err) != shard.Config || !strings.Contains(err.Error(), `merge table "tree_outputs"`) {
		t.Fatalf("found %v", err)
	}
}

func TestFanOutReturnsResultsByIndexAndEndsOthersOnError(t *testing.T) {
	got, err := fanOut(context.Background(), 100, 7, func(_ context.Context, i int) (int, error) { return i * i, nil })
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range got {
		if v != i*i {
			t.Fatalf("results[%d] = %d", i, v)
		}
	}
	boom := errors.New("boom")
	_, err = fanOut(context.Background(), 50, 50, func(ctx context.Context, i int) (int, error) {
		if i == 3 {
			return 0, boom
		}
		<-ctx.Done()
		return 0, ctx.Err()
	})
	if !errors.Is(err, boom) {
		t.Fatalf("wanted the cause, found %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := fanOut(ctx, 3, 1, func(context.Context, int) (int, error) { return 0, nil }); !errors.Is(err, context.Canceled) {
		t.Fatalf("wanted the end of the context, found %v", err)
	}
}

func TestReportIsAbridgedButKeepsFailures(t *testing.T) {
	r := &Report{}
	for i := range 100 {
		outcome := "ok"
		if i >= 90 {
			outcome = "Crashed"
		}
		r.Attempts = append(r.Attempts, Attempt{Shard: i, Outcome: outcome})
	}
	short := r.abridged(20)
	failed := 0
	for _, a := range short.Attempts {
		if a.Outcome != "ok" {
			failed++
		}
	}
	if len(short.Attempts) != 20 || failed != 10 || short.Omitted != 80 || len(r.Attempts) != 100 {
		t.Fatalf("%d attempts, %d failed, %d omitted", len(short.Attempts), failed, short.Omitted)
	}
	if r.abridged(100) != r {
		t.Fatal("a report that fits was changed")
	}
}

func TestPolicyReportsAllFaultsAndFillsDefaults(t *testing.T) {
	err := Policy{Attempts: -1, BaseDelay: -time.Second}.Validate()
	if err == nil || fmt.Sprint(err) != "policy: base delay is negative; leave it 0 for the default\npolicy: attempts is negative; leave it 0 for the default" {
		t.Fatalf("found %v", err)
	}
	p := Policy{}.Defaults()
	if p.Attempts != 4 || p.MaxDelay != time.Second || p.Now == nil || p.Sleep == nil || p.Random == nil || p.Validate() != nil {
		t.Fatalf("found %+v", p)
	}
}
