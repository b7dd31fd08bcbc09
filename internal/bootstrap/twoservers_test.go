package bootstrap

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/coordinator/awslambda"
	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/shardtest/minimodel"
	"github.com/shardwise/shardwise/shard/wire"
	"github.com/shardwise/shardwise/simulator"
)

// envPanic makes the engine of a child process panic.
const envPanic = "BOOTSTRAP_TEST_PANIC"

// brittle is the mini engine whose programs panic when the environment says so.
type brittle struct{ minimodel.Engine }

// Compile compiles, or returns a program that panics.
func (b *brittle) Compile(g *graph.Graph, w engine.Weights) (engine.Program, error) {
	if os.Getenv(envPanic) != "" {
		return panics{}, nil
	}
	return b.Engine.Compile(g, w)
}

type panics struct{}

// Run panics.
func (panics) Run(context.Context, tensor.Named, []string) (tensor.Named, error) {
	panic("out of thin air")
}

// simulated serves the function with a simulator of AWS Lambda and returns how to invoke it.
func simulated(t *testing.T, env map[string]string) func(payload []byte) answer {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	handler := env["_HANDLER"]
	variables := map[string]string{}
	for name, value := range env {
		if name != "_HANDLER" && name != "LAMBDA_TASK_ROOT" {
			variables[name] = value
		}
	}
	sim, err := simulator.Start(context.Background(), simulator.Config{Dir: t.TempDir(), Functions: []simulator.Function{
		{Name: "f", Handler: handler, Command: []string{exe}, Env: variables, Timeout: 20 * time.Second, MemoryMB: 1769}}})
	if err != nil {
		t.Fatal(err)
	}
	client, err := awslambda.New(awslambda.Options{Region: simulator.DefaultRegion, Endpoint: sim.Endpoint(), Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close()
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	return func(payload []byte) answer {
		r, err := client.Invoke(context.Background(), coordinator.Target{Function: "f"}, payload)
		if err != nil {
			t.Fatal(err)
		}
		kind := "response"
		if r.FunctionError != "" {
			kind = "error"
		}
		return answer{kind, string(r.Body)}
	}
}

// inferRequest asks shard 2 of the mini model to run a program.
func inferRequest(t *testing.T, m *minimodel.Model, step, input string, width int) []byte {
	t.Helper()
	x, err := tensor.FromSlice(tensor.F32, make([]float32, width), 1, width)
	if err != nil {
		t.Fatal(err)
	}
	body, err := wire.EncodeBody(tensor.Named{input: x})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := wire.AppendRequest(nil, &wire.Request{Kind: wire.KindInfer, Fingerprint: m.Fingerprint, Shard: 2, Step: step, RequestID: "r", Attempt: 1, Rows: 1, Reply: wire.ReplyBase64}, body)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

// TestTheSameProcessAnswersAlikeBehindTwoServers runs this program as a shard's bootstrap behind a Runtime API that is
// written by hand and behind the simulator, and compares what comes back.
func TestTheSameProcessAnswersAlikeBehindTwoServers(t *testing.T) {
	m := model(t)
	step := m.Manifest.Steps[0]
	infer := inferRequest(t, m, step.Name, "part", m.Features/m.Shards)
	for _, c := range []struct {
		name     string
		env      map[string]string
		payloads []string
		kinds    []string
	}{
		{"good requests", nil, []string{`{"version":1,"kind":"warm","fingerprint":"` + m.Fingerprint + `","shard":2}`, string(infer), string(infer)},
			[]string{"response", "response", "response"}},
		{"errors that keep the process", nil, []string{`{"version":1,"kind":"warm","fingerprint":"` + m.Fingerprint + `","shard":0}`,
			`{"version":7,"kind":"describe"}`, `[]`, `{"version":1,"kind":"dance"}`, string(infer)}, []string{"error", "error", "error", "error", "response"}},
		{"a panic", map[string]string{envPanic: "1"}, []string{string(infer), `{"version":7,"kind":"describe"}`}, []string{"error", "error"}},
		{"a failed start", map[string]string{"SHARDWISE_SHARD": "9"}, []string{`{"version":1,"kind":"describe"}`}, []string{"error"}},
		{"an unknown handler", map[string]string{"_HANDLER": "main"}, []string{`{"version":1,"kind":"describe"}`}, []string{"error"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			env := map[string]string{"_HANDLER": "shard", "SHARDWISE_MODEL_DIR": m.Dir, "SHARDWISE_SHARD": "2"}
			var list []string
			for name, value := range c.env {
				env[name] = value
			}
			for name, value := range env {
				list = append(list, name+"="+value)
			}
			api, invoke := newRuntimeAPI(t), simulated(t, env)
			api.start(t, list...)
			for i, payload := range c.payloads {
				var byHand answer
				if strings.Contains(c.name, "start") || strings.Contains(c.name, "handler") {
					byHand = <-api.posted
					byHand.kind = strings.Replace(byHand.kind, "init", "error", 1)
				} else {
					byHand = api.invoke(t, []byte(payload))
				}
				simulated := invoke([]byte(payload))
				if byHand.kind != c.kinds[i] || simulated.kind != c.kinds[i] {
					t.Fatalf("%.80s: wanted %s, by hand %+v, simulated %+v", payload, c.kinds[i], byHand, simulated)
				}
				if a, b := steady(t, byHand), steady(t, simulated); a != b {
					t.Errorf("%.80s:\n  by hand %s\nsimulated %s", payload, a, b)
				}
			}
		})
	}
}

// steady is an answer without what differs from process to process: times, and the addresses of a stack.
func steady(t *testing.T, a answer) string {
	t.Helper()
	if a.kind == "response" {
		if out, meta, err := wire.DecodeFrame(wire.ReplyBase64, []byte(a.body)); err == nil {
			var keys []string
			for key := range meta {
				keys = append(keys, key)
			}
			slices.Sort(keys)
			text := strings.Join(keys, ",")
			for _, name := range out.Names() {
				text += " " + out[name].String() + string(out[name].Bytes())
			}
			return text
		}
		var facts map[string]any
		if err := json.Unmarshal([]byte(a.body), &facts); err != nil {
			t.Fatalf("%s: %v", a.body, err)
		}
		var keys []string
		for key := range facts {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		return strings.Join(keys, ",")
	}
	e := shard.ParseFunctionError([]byte(a.body))
	return e.Kind.Type() + ": " + e.Error()
}
