package local_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/shardwise/shardwise/internal/local"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
)

// collect streams the batches and joins the margins' bytes, checking that rows come in order.
func collect(t *testing.T, d *local.Deployment, src local.Source) []byte {
	t.Helper()
	var all []byte
	next := int64(0)
	err := d.Stream(t.Context(), src, local.Request{Outputs: []string{"margin"}}, func(c local.Chunk) error {
		if c.Row != next || c.Outputs["margin"].Dim(0) != c.Rows {
			t.Errorf("a chunk of row %d with %d rows and margins %v came where row %d was next", c.Row, c.Rows, c.Outputs["margin"], next)
		}
		next += int64(c.Rows)
		all = append(all, c.Outputs["margin"].Bytes()...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestChunksChangeNeitherBitsNorOrder(t *testing.T) {
	m := load(t, directory(t, 3))
	d := start(t, m)
	all := rows(t, m)
	whole := collect(t, d, &batches{all: all, size: func(n int) int { return n }})
	if len(whole) != 4*all.Dim(0) {
		t.Fatalf("%d bytes of margins for %d rows", len(whole), all.Dim(0))
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 3 {
		most := 1 + random.IntN(100)
		cut := collect(t, d, &batches{all: all, size: func(int) int { return 1 + random.IntN(most) }})
		if !bytes.Equal(cut, whole) {
			t.Errorf("batches of at most %d rows give other bits", most)
		}
	}
}

func TestABatchBeyondThePayloadIsCut(t *testing.T) {
	m := load(t, directory(t, 2))
	d := start(t, m)
	few := rows(t, m)
	const times = 300 // 442 rows of 40 bytes, 300 times, in base64: 7 MB
	many := tensor.New(tensor.F32, times*few.Dim(0), few.Dim(1))
	for i := range times {
		copy(many.Bytes()[i*len(few.Bytes()):], few.Bytes())
	}
	want := collect(t, d, &batches{all: few, size: func(n int) int { return n }})
	got := collect(t, d, &batches{all: many, size: func(int) int { return many.Dim(0) }})
	if !bytes.Equal(got, bytes.Repeat(want, times)) {
		t.Error("a batch that was too large for one request gives other bits")
	}
}

func TestAnyErrorEndsTheStream(t *testing.T) {
	m := load(t, directory(t, 2))
	d := start(t, m)
	all := rows(t, m)
	ten := func(int) int { return 10 }
	own := errors.New("own")
	nothing := func(local.Chunk) error { return nil }
	for _, c := range []struct {
		name string
		run  func(ctx context.Context) error
		want func(error) bool
	}{
		{"the source's", func(ctx context.Context) error {
			return d.Stream(ctx, &batches{all: all, size: ten, fail: own}, local.Request{}, nothing)
		}, func(err error) bool { return errors.Is(err, own) }},
		{"the sink's", func(ctx context.Context) error {
			return d.Stream(ctx, &batches{all: all, size: ten}, local.Request{}, func(local.Chunk) error { return own })
		}, func(err error) bool { return errors.Is(err, own) }},
		{"the caller's", func(ctx context.Context) error {
			ctx, cancel := context.WithCancel(ctx)
			return d.Stream(ctx, &batches{all: all, size: ten}, local.Request{}, func(local.Chunk) error { cancel(); return nil })
		}, func(err error) bool { return errors.Is(err, context.Canceled) || shard.KindOf(err) == shard.Canceled }},
		{"the coordinator's", func(ctx context.Context) error {
			wrong := tensor.New(tensor.F32, 2, 3)
			return d.Stream(ctx, &batches{all: wrong, size: ten}, local.Request{}, nothing)
		}, func(err error) bool { return shard.KindOf(err) == shard.BadInput }},
		{"an unknown output", func(ctx context.Context) error {
			return d.Stream(ctx, &batches{all: all, size: ten}, local.Request{Outputs: []string{"x"}}, nothing)
		}, func(err error) bool { return shard.KindOf(err) == shard.BadInput }},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.run(t.Context()); !c.want(err) {
				t.Errorf("the stream ended with %v", err)
			}
		})
	}
}

func TestProcessesAndBillsAreCounted(t *testing.T) {
	m := load(t, directory(t, 2))
	d := start(t, m)
	all := rows(t, m)
	if _, err := d.Predict(t.Context(), tensor.Named{"features": all}, local.Request{}); err != nil {
		t.Fatal(err)
	}
	if len(d.Functions) != 3 {
		t.Fatalf("%d functions, wanted the coordinator and 2 shards", len(d.Functions))
	}
	processes := d.Processes()
	for _, f := range d.Functions {
		if processes[f.Name] != 1 {
			t.Errorf("%s: %d processes, wanted 1", f.Name, processes[f.Name])
		}
	}
	for i := range m.Manifest.Shards {
		if b := d.Bills()[m.Deployment.Shards[i].Name]; b.Invocations != 1 || b.BilledMS < 1 || b.MemoryMB < 1 {
			t.Errorf("shard %d: bill %+v", i, b)
		}
	}
}

func TestManyRowsStartFewProcesses(t *testing.T) {
	m := load(t, directory(t, 3))
	d := start(t, m)
	few := rows(t, m)
	const times = 40
	many := tensor.New(tensor.F32, times*few.Dim(0), few.Dim(1))
	for i := range times {
		copy(many.Bytes()[i*len(few.Bytes()):], few.Bytes())
	}
	collect(t, d, &batches{all: many, size: func(n int) int { return n }})
	for name, n := range d.Processes() {
		if n > 2 {
			t.Errorf("%s: %d processes for a stream of two chunks at a time", name, n)
		}
	}
}
