package main_test

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shardwise/shardwise/shard/shardtest/minimodel"
)

// nextAPI is a Runtime API that notes when a runtime asks for work, and keeps it waiting.
func nextAPI(b testing.TB) (address string, asked chan time.Time) {
	b.Helper()
	asked = make(chan time.Time, 1)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/next") {
			asked <- time.Now()
		}
		<-r.Context().Done()
	})}
	go server.Serve(listener)
	b.Cleanup(func() { server.Close() })
	return listener.Addr().String(), asked
}

// build compiles a program as it is deployed.
func build(b testing.TB, pkg string) string {
	b.Helper()
	out := filepath.Join(b.TempDir(), "bootstrap")
	cmd := exec.Command("go", "build", "-tags", "lambda.norpc", "-trimpath", "-ldflags=-s -w", "-o", out, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, text)
	}
	return out
}

// start measures the time from exec to the first request for work, then ends the process.
func start(b testing.TB, exe string, env []string, asked chan time.Time) time.Duration {
	b.Helper()
	cmd := exec.Command(exe)
	cmd.Env = env
	cmd.Stderr = os.Stderr
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	var took time.Duration
	select {
	case at := <-asked:
		took = at.Sub(begin)
	case <-time.After(20 * time.Second):
		b.Error("the program does not ask for work")
	}
	if err := cmd.Process.Kill(); err != nil {
		b.Error(err)
	}
	cmd.Wait() // ends with "signal: killed", which is what was asked for
	return took
}

// BenchmarkStart compares the time from exec to the first /next of a shard that maps 256 MB, and of the coordinator of
// the same model, with that of a bare aws-lambda-go handler, alternating in one run. The ratios are of the medians.
func BenchmarkStart(b *testing.B) {
	m, err := minimodel.Write(b.TempDir(), minimodel.Options{Shards: 1, Ballast: 256 << 20, Engine: "native"})
	if err != nil {
		b.Fatal(err)
	}
	ours, bare := build(b, "."), build(b, "./testdata/bare")
	address, asked := nextAPI(b)
	env := []string{"AWS_LAMBDA_RUNTIME_API=" + address, "LAMBDA_TASK_ROOT=" + m.Dir}
	shardEnv := append(slices.Clone(env), "_HANDLER=shard", "SHARDWISE_SHARD=0")
	coordinatorEnv := append(slices.Clone(env), "_HANDLER=coordinator", "AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b")
	var shards, coordinators, floor []time.Duration
	for b.Loop() {
		floor = append(floor, start(b, bare, env, asked))
		shards = append(shards, start(b, ours, shardEnv, asked))
		coordinators = append(coordinators, start(b, ours, coordinatorEnv, asked))
	}
	median := func(d []time.Duration) float64 { slices.Sort(d); return float64(d[len(d)/2]) }
	b.ReportMetric(median(floor)/1e6, "bare-ms")
	b.ReportMetric(median(shards)/median(floor), "shard-ratio")
	b.ReportMetric(median(coordinators)/median(floor), "coordinator-ratio")
}
