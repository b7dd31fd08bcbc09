package awslambda_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/coordinator/awslambda"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard/wire"
)

const echoShards = 64

// echoModel writes the contracts of a model whose one stage sends x of n numbers to every shard and adds what returns.
// The shards' own files are never opened here.
func echoModel(b *testing.B, n int) (dir, fingerprint string) {
	b.Helper()
	shape := []manifest.Dim{{Name: manifest.Batch}, {Size: n}}
	digest := strings.Repeat("0", 64)
	m := &manifest.Manifest{
		Format: manifest.Format, Name: "echo", Version: "1", Radix: manifest.Radix, Modes: []string{"sum"},
		Sources: []manifest.Source{{File: "echo", SHA256: digest, Importer: "test"}},
		Signature: manifest.Signature{
			Inputs:  []manifest.Input{{Name: "x", DType: tensor.F32, Shape: shape}},
			Outputs: []manifest.Output{{Name: "y", DType: tensor.F32, Shape: shape, Default: true, Rules: map[string]manifest.Rule{"sum": {Exact: true}}}},
		},
	}
	stage := &manifest.Stage{
		Inputs: []manifest.StageInput{{Name: "x", Value: "x", Scatter: manifest.Scatter{Kind: manifest.ScatterReplicate}}},
		Outputs: []manifest.StageOutput{{
			Value: "y", Placement: manifest.Placement{Kind: manifest.PlacePartial, Op: "sum"},
			Merge:      manifest.Merge{Kind: manifest.MergeSum, DType: tensor.F32, Acc: tensor.F32},
			Components: []manifest.Component{{Role: manifest.RoleValue, Name: "x", DType: tensor.F32, Shape: shape}},
		}},
	}
	for i := range echoShards {
		path := fmt.Sprintf("shard-%03d.onnx", i)
		m.Shards = append(m.Shards, manifest.Shard{
			Files:    []manifest.File{{Role: manifest.RoleProgram, Path: path, Bytes: 1, SHA256: digest}},
			Programs: []manifest.Program{{Step: "echo", Engine: "native", Graph: path}},
		})
		stage.Shards = append(stage.Shards, i)
	}
	m.Steps = []manifest.Step{{Name: "echo", Stage: stage}}
	data, err := manifest.Canonical(m)
	if err != nil {
		b.Fatal(err)
	}
	deployment, err := json.Marshal(manifest.DefaultDeployment(m))
	if err != nil {
		b.Fatal(err)
	}
	dir = b.TempDir()
	for name, content := range map[string][]byte{manifest.FileName: data, manifest.DeploymentFileName: deployment} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	if fingerprint, err = manifest.Fingerprint(m); err != nil {
		b.Fatal(err)
	}
	return dir, fingerprint
}

// echo answers as a shard that returns its input.
func echo(b *testing.B) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		payload := make([]byte, r.ContentLength)
		if _, err := io.ReadFull(r.Body, payload); err != nil {
			b.Error(err)
			return
		}
		req, err := wire.DecodeRequest(payload)
		if err != nil {
			b.Error(err)
			return
		}
		in, err := wire.ParseBody(req.Body)
		if err != nil {
			b.Error(err)
			return
		}
		reply, err := wire.EncodeReply(req.Reply, wire.EchoOf(req), wire.Timings{}, in)
		if err != nil {
			b.Error(err)
			return
		}
		w.Write(reply)
	}
}

// bare is the yardstick: a well-tuned SDK client and one goroutine a call, with requests that are ready to send.
func bare(b *testing.B, endpoint, fingerprint string, x tensor.Named) func() {
	b.Helper()
	client := lambda.New(lambda.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String(endpoint), Retryer: aws.NopRetryer{}, HTTPClient: awslambda.NewHTTPClient(echoShards),
		Credentials: credentials.NewStaticCredentialsProvider("id", "key", ""),
	})
	body, err := wire.EncodeBody(x)
	if err != nil {
		b.Fatal(err)
	}
	payloads := make([][]byte, echoShards)
	for i := range payloads {
		payloads[i], err = wire.AppendRequest(nil, &wire.Request{
			Kind: wire.KindInfer, Fingerprint: fingerprint, RequestID: "8476a536-e9f4-11e8-9739-2dfe598c3fcd", Attempt: 1, Step: "echo", Shard: i,
			Rows: 1, BudgetMS: 30000, Outputs: []string{"x"}, Mode: "sum", Reply: wire.ReplyBase64,
		}, body)
		if err != nil {
			b.Fatal(err)
		}
	}
	return func() {
		var wg sync.WaitGroup
		for i := range payloads {
			wg.Go(func() {
				out, err := client.Invoke(context.Background(), &lambda.InvokeInput{
					FunctionName: aws.String(fmt.Sprintf("echo-shard-%03d", i)), Qualifier: aws.String(manifest.Alias(fingerprint)), Payload: payloads[i],
				})
				if err != nil || len(out.Payload) == 0 {
					b.Error(err)
				}
			})
		}
		wg.Wait()
	}
}

// BenchmarkScatter64 scatters to 64 echo shards over HTTP through the coordinator and, alternating in the same run, makes
// the same 64 calls with a bare SDK client. It reports the ratio of the medians, on the
// clock and in processor time, which other work on the computer disturbs less.
func BenchmarkScatter64(b *testing.B) {
	for _, n := range []int{256, 16384} {
		b.Run(fmt.Sprintf("payload=%dKB", n*4/1024), func(b *testing.B) {
			dir, fingerprint := echoModel(b, n)
			server, _ := serve(b, echo(b))
			c, err := coordinator.Open(dir, coordinator.Options{Invoker: newClient(b, server.URL, echoShards)})
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			x := tensor.Named{"x": tensor.New(tensor.F32, 1, n)}
			tensor.Of[float32](x["x"])[0] = 1
			yardstick := bare(b, server.URL, fingerprint, x)
			scatter := func() {
				got, err := c.Run(context.Background(), coordinator.Request{Inputs: x})
				if err != nil || tensor.Of[float32](got.Outputs["y"])[0] != echoShards {
					b.Fatal(got.Outputs, err)
				}
			}
			var ours, floor []cost
			for turn := 0; b.Loop(); turn++ {
				// Turns change, so that neither always pays for the other's garbage.
				if turn%2 == 0 {
					floor, ours = append(floor, timed(yardstick)), append(ours, timed(scatter))
				} else {
					ours, floor = append(ours, timed(scatter)), append(floor, timed(yardstick))
				}
			}
			b.ReportMetric(median(ours, wall)/median(floor, wall), "ratio")
			b.ReportMetric(median(ours, cpu)/median(floor, cpu), "cpu-ratio")
			b.ReportMetric(median(floor, wall)/1e3, "bare-us")
		})
	}
}

// cost is what one scatter takes: on the clock, and of processors in the whole process, servers included.
type cost struct{ wall, cpu time.Duration }

func timed(f func()) cost {
	start, used := time.Now(), processors()
	f()
	return cost{time.Since(start), processors() - used}
}

func processors() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func median(costs []cost, of func(cost) time.Duration) float64 {
	d := make([]time.Duration, len(costs))
	for i, c := range costs {
		d[i] = of(c)
	}
	slices.Sort(d)
	return float64(d[len(d)/2])
}

func wall(c cost) time.Duration { return c.wall }
func cpu(c cost) time.Duration  { return c.cpu }
