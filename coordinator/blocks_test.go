package coordinator_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/shardtest/minimodel"
)

// A function of 128 MB with 32 MB fixed has 96 MB for rows: PerRow sets the block size.
func blockOptions(seed uint64, rowsPerBlock int) minimodel.Options {
	return minimodel.Options{Seed: seed, MemoryMB: 128, PerRow: 96 << 20 / int64(rowsPerBlock)}
}

func TestBlockSizesAndConcurrencyNeverChangeABit(t *testing.T) {
	rng := newRand(t)
	seed := rng.Uint64()
	whole := newRig(t, minimodel.Options{Seed: seed}, quick())
	const rows = 61
	in := normal(t, rng, rows, whole.model.Features)
	want, err := whole.c.Run(context.Background(), coordinator.Request{Inputs: in, Outputs: both()})
	if err != nil {
		t.Fatal(err)
	}
	for _, limit := range []int{1, 2, 7, 30, 60, 61} {
		r := newRig(t, blockOptions(seed, limit), coordinator.Policy{Blocks: 1 + rng.IntN(8), InFlight: 1 + rng.IntN(5)})
		got, err := r.c.Run(context.Background(), coordinator.Request{Inputs: in, Outputs: both()})
		if err != nil {
			t.Fatal(err)
		}
		if blocks := (rows + limit - 1) / limit; got.Report.Blocks != blocks || got.Report.BlockRows != limit || got.Report.Rows != rows {
			t.Fatalf("wanted %d blocks of at most %d rows, found %d of %d", blocks, limit, got.Report.Blocks, got.Report.BlockRows)
		}
		for _, name := range both() {
			if !bytes.Equal(got.Outputs[name].Bytes(), want.Outputs[name].Bytes()) || !got.Outputs[name].Shape().Equal(want.Outputs[name].Shape()) {
				t.Fatalf("blocks of %d rows: %s differs", limit, name)
			}
		}
	}
}

func TestARowHasTheSameBitsAloneAndInABatch(t *testing.T) {
	rng := newRand(t)
	r := newRig(t, minimodel.Options{Seed: rng.Uint64()}, quick())
	in := normal(t, rng, 9, r.model.Features)
	all, err := r.c.Run(context.Background(), coordinator.Request{Inputs: in})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 9 {
		row, err := in["x"].Rows(i, i+1)
		if err != nil {
			t.Fatal(err)
		}
		one, err := r.c.Run(context.Background(), coordinator.Request{Inputs: tensor.Named{"x": row}})
		if err != nil {
			t.Fatal(err)
		}
		want, err := all.Outputs["prediction"].Rows(i, i+1)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(one.Outputs["prediction"].Bytes(), want.Bytes()) {
			t.Fatalf("row %d differs alone", i)
		}
	}
}

func TestBlocksRespectTheLimitsOfRequestAndReply(t *testing.T) {
	for name, o := range map[string]minimodel.Options{
		"wide requests": {Shards: 2, Features: 6000, Hidden: 1, Integers: true},
		"wide replies":  {Shards: 2, Features: 2, Hidden: 1, Wide: 6000, Integers: true},
		"raw replies":   {Shards: 2, Features: 2, Hidden: 1, Wide: 6000, Integers: true, Reply: "raw"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, o, quick())
			const rows = 1500
			in := integers(t, newRand(t), rows, r.model.Features)
			got, err := r.c.Run(context.Background(), coordinator.Request{Inputs: in, Outputs: both()})
			if err != nil {
				t.Fatal(err)
			}
			prediction, wide := r.model.Reference(tensor.Of[float32](in["x"]))
			requireFloats(t, got.Outputs["prediction"], prediction)
			requireFloats(t, got.Outputs["wide"], wide)
			if got.Report.Blocks < 3 {
				t.Fatalf("%d blocks for 36 MB", got.Report.Blocks)
			}
			for _, a := range got.Report.Attempts {
				if a.RequestBytes > 6_291_456 || a.ReplyBytes > 6_291_556 {
					t.Fatalf("%+v", a)
				}
			}
		})
	}
}

func TestARowThatFitsNoRequestIsATypedError(t *testing.T) {
	r := newRig(t, minimodel.Options{Shards: 1, Features: 1, Hidden: 1, Wide: 2_000_000}, quick())
	in := normal(t, newRand(t), 1, 1)
	_, err := r.c.Run(context.Background(), coordinator.Request{Inputs: in, Outputs: both()})
	if shard.KindOf(err) != shard.TooLarge || !strings.Contains(err.Error(), "stage wide: shard 0/1: one row takes") {
		t.Fatalf("found %v", err)
	}
	if _, err := r.c.Run(context.Background(), coordinator.Request{Inputs: in}); err != nil {
		t.Fatalf("without the wide output: %v", err)
	}
}
