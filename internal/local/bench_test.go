package local_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/shardwise/shardwise/coordinator/awslambda"
	"github.com/shardwise/shardwise/internal/local"
	"github.com/shardwise/shardwise/internal/tensor"
)

const wide = 64

// handlers serves as many handlers as there are shards from this process, each decodes a tensor and answers with it, and
// returns a function that asks all of them at once in a plain loop.
func handlers(b *testing.B, in *tensor.Tensor) (all func() error) {
	echo := func(body io.Reader, n int64) ([]byte, error) {
		p := make([]byte, n)
		if _, err := io.ReadFull(body, p); err != nil {
			return nil, err
		}
		got, _, err := tensor.ParseFrame(p, tensor.Limits{})
		if err != nil {
			return nil, err
		}
		return tensor.AppendFrame(nil, got, nil)
	}
	mux := http.NewServeMux()
	for i := range wide {
		mux.HandleFunc(fmt.Sprintf("POST /shard/%d", i), func(w http.ResponseWriter, r *http.Request) {
			p, err := echo(r.Body, r.ContentLength)
			if err == nil {
				_, err = w.Write(p)
			}
			if err != nil {
				b.Error(err)
			}
		})
	}
	server := httptest.NewServer(mux)
	client := awslambda.NewHTTPClient(wide)
	b.Cleanup(func() {
		client.CloseIdleConnections()
		server.Close()
	})
	one := func(i int) error {
		body, err := tensor.AppendFrame(nil, tensor.Named{"features": in}, nil)
		if err != nil {
			return err
		}
		r, err := client.Post(fmt.Sprintf("%s/shard/%d", server.URL, i), "application/octet-stream", bytes.NewReader(body))
		if err != nil {
			return err
		}
		defer r.Body.Close()
		if got, err := echo(r.Body, r.ContentLength); err != nil || !bytes.Equal(got, body) {
			return fmt.Errorf("wanted the %d bytes that were sent, found %d: %v", len(body), len(got), err)
		}
		return nil
	}
	return func() error {
		var g errgroup.Group
		for i := range wide {
			g.Go(func() error { return one(i) })
		}
		return g.Wait()
	}
}

// BenchmarkFanOut64 asks a model in 64 shards, 1 KB of features at a time: coordinator, simulator and shards are the
// processes that a user runs. In turns with it 64 handlers of this process are asked for the same tensor over HTTP in a plain
// errgroup loop, and the floor is measured: the same processes with nothing to do. The ratios are of the medians.
func BenchmarkFanOut64(b *testing.B) {
	m := load(b, directory(b, wide))
	d := start(b, m)
	in, err := rows(b, m).Rows(0, 25) // of ten float32
	if err != nil {
		b.Fatal(err)
	}
	plain := handlers(b, in)
	predict := func() error {
		_, err := d.Predict(context.Background(), tensor.Named{"features": in}, local.Request{})
		return err
	}
	bare := floor(b)
	var through, direct, least []time.Duration
	for _, warm := range []func() error{predict, plain, bare} {
		timed(b, warm)
	}
	for b.Loop() {
		through, direct, least = append(through, timed(b, predict)), append(direct, timed(b, plain)), append(least, timed(b, bare))
	}
	if n := len(d.Processes()); n != wide+1 {
		b.Fatalf("%d functions have run, wanted the coordinator and %d shards", n, wide)
	}
	b.ReportMetric(median(through)*1e6, "µs-predict")
	b.ReportMetric(median(direct)*1e6, "µs-plain")
	b.ReportMetric(median(through)/median(direct), "x-plain-http")
	b.ReportMetric(median(least)/median(direct), "floor-x-plain-http")
}

func timed(b *testing.B, f func() error) time.Duration {
	begin := time.Now()
	if err := f(); err != nil {
		b.Fatal(err)
	}
	return time.Since(begin)
}

// median returns the middle one in seconds.
func median(d []time.Duration) float64 {
	slices.Sort(d)
	return d[len(d)/2].Seconds()
}
