package local_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"github.com/shardwise/shardwise/client"
	"github.com/shardwise/shardwise/internal/local"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/simulator/faults"
)

// soakFaults strike shards in every way, and the coordinator where its callers can see it: an answer over HTTP carries no
// checksum, so none of these is corrupted.
const soakFaults = `{"rules":[
	{"fault":"kill","function":"*-shard-*","probability":0.01},
	{"fault":"throttle","function":"*-shard-*","probability":0.02},
	{"fault":"slow","function":"*-shard-*","probability":0.03,"delay_ms":20},
	{"fault":"corrupt","function":"*-shard-*","probability":0.02,"bits":2},
	{"fault":"oversize","function":"*-shard-*","probability":0.005},
	{"fault":"timeout","function":"*-shard-*","probability":0.01},
	{"fault":"hang","function":"*-shard-001","every":300,"count":2},
	{"fault":"kill","function":"*-coordinator","probability":0.01},
	{"fault":"throttle","function":"*-coordinator","probability":0.01},
	{"fault":"timeout","function":"*-coordinator","probability":0.005}
]}`

// soak is a mixed load on one deployment.
type soak struct {
	d      *local.Deployment
	http   *client.Client
	api    *lambda.Client
	rows   *tensor.Tensor
	want   []float32 // the prediction of each row, from a run without faults
	right  [4]atomic.Int64
	failed [4]atomic.Int64
}

// kinds are the names of the loads; typed tells an error that says what happened from one that does not.
var kinds = [4]string{"predict", "http", "event", "stream"}

func typed(err error) bool {
	var s *shard.Error
	var h *client.Error
	var a smithy.APIError
	var f *functionError
	return errors.As(err, &s) && s.Kind != shard.Other || errors.As(err, &h) && h.Message != "" || errors.As(err, &a) || errors.As(err, &f) && f.Type != ""
}

// functionError is the document of an invocation that failed.
type functionError struct {
	Type    string `json:"errorType"`
	Message string `json:"errorMessage"`
}

// Error is type and message.
func (e *functionError) Error() string { return e.Type + ": " + e.Message }

// once asks for n rows from row at in one of the ways, and holds the answer against the expected one.
func (s *soak) once(ctx context.Context, kind, at, n int) error {
	in, err := s.rows.Rows(at, at+n)
	if err != nil {
		return err
	}
	var got []float32
	switch kinds[kind] {
	case "predict":
		a, err := s.d.Predict(ctx, tensor.Named{"features": in}, local.Request{Outputs: []string{"prediction"}})
		if err != nil {
			return err
		}
		got = tensor.Of[float32](a.Outputs["prediction"])
	case "http":
		x, err := client.NewTensor("features", tensor.Of[float32](in), n, in.Dim(1))
		if err != nil {
			return err
		}
		a, err := s.http.Infer(ctx, client.Request{Inputs: []client.Tensor{x}, Outputs: []string{"prediction"}})
		if err != nil {
			return err
		}
		if got, err = client.Values[float32](a.Output("prediction")); err != nil {
			return err
		}
	case "event":
		_, err := s.api.Invoke(ctx, &lambda.InvokeInput{FunctionName: &s.d.Model.Deployment.Coordinator.Name, Qualifier: new(manifest.LiveAlias),
			InvocationType: types.InvocationTypeEvent, Payload: question(in)})
		return err
	case "stream":
		if got, err = s.stream(ctx, question(in)); err != nil {
			return err
		}
	}
	if !slices.Equal(got, s.want[at:at+n]) {
		return fmt.Errorf("rows %d to %d: wanted %v, found %v", at, at+n, s.want[at:at+n], got)
	}
	return nil
}

// question is the JSON form of a request; a missing value is null.
func question(in *tensor.Tensor) []byte {
	var b bytes.Buffer
	for i, v := range tensor.Of[float32](in) {
		if i > 0 {
			b.WriteByte(',')
		}
		if v != v {
			b.WriteString("null")
		} else {
			fmt.Fprint(&b, v)
		}
	}
	return fmt.Appendf(nil, `{"inputs":[{"name":"features","shape":[%d,%d],"datatype":"FP32","data":[%s]}],"outputs":[{"name":"prediction"}]}`,
		in.Dim(0), in.Dim(1), b.String())
}

// stream asks by InvokeWithResponseStream; a stream without its last event is no answer. Each stream has a client of its own:
// smithy-go 1.28 shares one event decoder between all streams of a client, which is a data race.
func (s *soak) stream(ctx context.Context, payload []byte) ([]float32, error) {
	out, err := lambda.New(s.api.Options()).InvokeWithResponseStream(ctx, &lambda.InvokeWithResponseStreamInput{FunctionName: &s.d.Model.Deployment.Coordinator.Name,
		Qualifier: new(manifest.LiveAlias), Payload: payload})
	if err != nil {
		return nil, err
	}
	var body bytes.Buffer
	var complete *types.InvokeWithResponseStreamCompleteEvent
	for e := range out.GetStream().Events() {
		switch e := e.(type) {
		case *types.InvokeWithResponseStreamResponseEventMemberPayloadChunk:
			body.Write(e.Value.Payload)
		case *types.InvokeWithResponseStreamResponseEventMemberInvokeComplete:
			complete = &e.Value
		}
	}
	if err := errors.Join(out.GetStream().Err(), out.GetStream().Close()); err != nil {
		return nil, err
	}
	if complete == nil {
		return nil, errors.New("the stream has no InvokeComplete")
	}
	if complete.ErrorCode != nil {
		var f functionError
		if err := json.Unmarshal([]byte(aws.ToString(complete.ErrorDetails)), &f); err != nil {
			return nil, fmt.Errorf("details %q: %w", aws.ToString(complete.ErrorDetails), err)
		}
		return nil, &f
	}
	var answer struct{ Outputs []struct{ Data []float32 } }
	if err := json.Unmarshal(body.Bytes(), &answer); err != nil || len(answer.Outputs) != 1 {
		return nil, fmt.Errorf("answer %s: %v", body.Bytes(), err)
	}
	return answer.Outputs[0].Data, nil
}

// load asks at random until the time is over and reports what is neither right nor a typed error.
func (s *soak) load(t *testing.T, rng *rand.Rand, until time.Time) {
	for time.Now().Before(until) {
		kind := rng.IntN(len(kinds))
		n := 1 + rng.IntN(20)
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
		err := s.once(ctx, kind, rng.IntN(len(s.want)-n), n)
		cancel()
		switch {
		case err == nil:
			s.right[kind].Add(1)
		case typed(err):
			s.failed[kind].Add(1)
		default:
			t.Errorf("%s: neither right nor a typed error: %v", kinds[kind], err)
		}
	}
}

// held is what this process holds: live heap and descriptors.
type held struct {
	heap int
	fds  int
}

func measure(t *testing.T) held {
	t.Helper()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	h := held{heap: int(m.HeapAlloc)}
	if entries, err := os.ReadDir("/proc/self/fd"); err == nil {
		h.fds = len(entries)
	}
	return h
}

// startSoak serves the example with faults and learns the right answers from a deployment without.
func startSoak(t *testing.T, seed uint64) *soak {
	t.Helper()
	m := load(t, directory(t, 4))
	s := &soak{rows: rows(t, m)}
	calm := start(t, m)
	a, err := calm.Predict(t.Context(), tensor.Named{"features": s.rows}, local.Request{Outputs: []string{"prediction"}})
	if err != nil {
		t.Fatal(err)
	}
	s.want = slices.Clone(tensor.Of[float32](a.Outputs["prediction"]))
	if err := calm.Close(); err != nil {
		t.Fatal(err)
	}
	plan, err := faults.Read(strings.NewReader(soakFaults))
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s.d, err = local.Start(context.Background(), local.Config{Model: m, Bootstrap: self, TempDir: t.TempDir(), Faults: plan, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := s.d.Close(); err != nil {
			t.Error(err)
		}
	})
	httpc := &http.Client{Transport: transport}
	if s.http, err = client.New(s.d.Endpoint(), m.Manifest.Name, client.Options{HTTP: httpc}); err != nil {
		t.Fatal(err)
	}
	s.api = lambda.New(lambda.Options{Region: "us-east-1", BaseEndpoint: aws.String(s.d.Endpoint()), HTTPClient: httpc,
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""), Retryer: retry.AddWithMaxAttempts(retry.NewStandard(), 1)})
	return s
}

// TestSoak keeps a deployment under mixed load and faults: every answer is right or a typed error, and memory and
// descriptors stay flat. SHARDWISE_SOAK is how long, as "10m" (make soak); 20 s if unset.
func TestSoak(t *testing.T) {
	length := 20 * time.Second
	if text := os.Getenv("SHARDWISE_SOAK"); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatalf("SHARDWISE_SOAK: %v", err)
		}
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d, for %v", seed, length)
	s := startSoak(t, seed)
	begin := time.Now()
	phase := func(until time.Time) {
		var workers sync.WaitGroup
		for i := range 4 {
			workers.Go(func() { s.load(t, rand.New(rand.NewPCG(seed, uint64(i))), until) })
		}
		workers.Wait()
	}
	phase(begin.Add(length / 4)) // what grows to its size grows here
	warm := measure(t)
	phase(begin.Add(length))
	end := measure(t)
	for i, kind := range kinds {
		t.Logf("%-8s %d right, %d typed errors", kind, s.right[i].Load(), s.failed[i].Load())
		if s.right[i].Load() == 0 {
			t.Errorf("%s: no answer was right", kind)
		}
	}
	for _, c := range s.d.Faults() {
		t.Logf("%s: fired %d of %d", c.Rule, c.Fired, c.Seen)
	}
	t.Logf("heap %d KB, then %d KB; descriptors %d, then %d", warm.heap>>10, end.heap>>10, warm.fds, end.fds)
	if end.heap > warm.heap*3/2+8<<20 {
		t.Errorf("the heap grew from %d to %d bytes", warm.heap, end.heap)
	}
	if end.fds > warm.fds+120 { // some connections more or less, and environments, which hold eight each
		t.Errorf("the descriptors grew from %d to %d", warm.fds, end.fds)
	}
}
