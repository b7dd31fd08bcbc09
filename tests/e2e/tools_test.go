package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard/wire"
)

// envRequire turns a missing tool from a skipped test into a failed one.
const envRequire = "SHARDWISE_REQUIRE_TOOLS"

// tool finds a client that the machine may lack.
func tool(t *testing.T, name string, probe ...string) {
	t.Helper()
	if err := exec.CommandContext(t.Context(), name, probe...).Run(); err != nil {
		text := fmt.Sprintf("%s %s does not run here (%v); install it to run this test", name, strings.Join(probe, " "), err)
		if os.Getenv(envRequire) == "1" {
			t.Fatal(text)
		}
		t.Skip(text)
	}
}

// asClient runs a client that knows the endpoint and nothing else of us.
func asClient(t *testing.T, w *world, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+w.Endpoint(), "AWS_ACCESS_KEY_ID=any", "AWS_SECRET_ACCESS_KEY=any",
		"AWS_DEFAULT_REGION=us-east-1", "AWS_PAGER=", "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE="+os.DevNull)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// shardRequest asks shard 1 for its leaves of one row, as a coordinator would.
func shardRequest(t *testing.T, w *world) (payload []byte, echo wire.Echo) {
	t.Helper()
	m := w.model.Manifest
	var features *tensor.Tensor
	stage := m.Steps[0].Stage
	width := m.Signature.Inputs[0].Shape[1].Size
	if stage.Inputs[0].Scatter.Kind == manifest.ScatterSelect {
		width = len(m.Shards[1].Trees.Features)
	}
	features = tensor.New(tensor.F32, 1, width)
	body, err := wire.EncodeBody(tensor.Named{stage.Inputs[0].Name: features})
	if err != nil {
		t.Fatal(err)
	}
	r := wire.Request{Kind: wire.KindInfer, Fingerprint: w.model.Fingerprint, RequestID: "by-hand", Attempt: 1, Step: m.Steps[0].Name,
		Shard: 1, Rows: 1, Outputs: []string{"leaf"}, Mode: m.Modes[0], Reply: wire.ReplyBase64}
	payload, err = wire.AppendRequest(nil, &r, body)
	if err != nil {
		t.Fatal(err)
	}
	return payload, wire.EchoOf(&r)
}

// checkShardReply holds a shard's reply against the request.
func checkShardReply(t *testing.T, w *world, data []byte, echo wire.Echo) {
	t.Helper()
	answer, err := wire.DecodeReply(wire.ReplyBase64, data, echo)
	if err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	out := answer.Tensors
	if leaf := out["leaf"]; leaf == nil || leaf.Dim(0) != 1 || leaf.Dim(1) != w.model.Manifest.Shards[1].Trees.Count {
		t.Errorf("shard 1 answers %v, wanted a leaf of each of its %d trees", out, w.model.Manifest.Shards[1].Trees.Count)
	}
}

func save(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestTheAWSCommandLineInvokesCoordinatorAndShard(t *testing.T) {
	tool(t, "aws", "--version")
	w := start(t, model(t, "diabetes-xgboost", "model.ubj", 2), nil)
	payload, want := question(t, 5)
	answer := filepath.Join(t.TempDir(), "answer.json")
	printed := asClient(t, w, "aws", "lambda", "invoke", "--function-name", w.model.Deployment.Coordinator.Name, "--qualifier", manifest.LiveAlias,
		"--payload", "fileb://"+save(t, "question.json", payload), answer)
	if body := string(load(t, answer)); !strings.Contains(body, want) || !strings.Contains(printed, `"StatusCode": 200`) {
		t.Errorf("the coordinator answers the AWS CLI %s\n%s", body, printed)
	}
	request, echo := shardRequest(t, w)
	asClient(t, w, "aws", "lambda", "invoke", "--function-name", w.model.Deployment.Shards[1].Name, "--qualifier", manifest.Alias(w.model.Fingerprint),
		"--payload", "fileb://"+save(t, "request.json", request), answer)
	checkShardReply(t, w, load(t, answer), echo)
}

const python = `
import boto3, json, sys
client = boto3.client("lambda")
question, request, answer, coordinator, live, shard, alias = sys.argv[1:]
reply = client.invoke(FunctionName=coordinator, Qualifier=live, Payload=open(question, "rb").read(), LogType="Tail")
assert "FunctionError" not in reply and reply["StatusCode"] == 200, reply
document = json.load(reply["Payload"])
reply = client.invoke(FunctionName=shard, Qualifier=alias, Payload=open(request, "rb").read())
open(answer, "wb").write(reply["Payload"].read())
wrong = client.invoke(FunctionName=coordinator, Payload=b'{"inputs":[]}')
error = json.load(wrong["Payload"])
print(json.dumps({"document": document, "error": error, "kind": wrong.get("FunctionError")}))
`

func TestBoto3InvokesCoordinatorAndShard(t *testing.T) {
	tool(t, "python3", "-c", "import boto3")
	w := start(t, model(t, "diabetes-xgboost", "model.ubj", 2), nil)
	payload, want := question(t, 5)
	request, echo := shardRequest(t, w)
	answer := filepath.Join(t.TempDir(), "answer.json")
	printed := asClient(t, w, "python3", "-c", python, save(t, "question.json", payload), save(t, "request.json", request), answer,
		w.model.Deployment.Coordinator.Name, manifest.LiveAlias, w.model.Deployment.Shards[1].Name, manifest.Alias(w.model.Fingerprint))
	var result struct {
		Document struct {
			Outputs []struct {
				Name string
				Data []json.Number
			}
		}
		Error struct{ ErrorType string }
		Kind  string
	}
	if err := json.Unmarshal([]byte(printed), &result); err != nil {
		t.Fatalf("%v\n%s", err, printed)
	}
	if len(result.Document.Outputs) != 1 || len(result.Document.Outputs[0].Data) != 5 {
		t.Fatalf("the coordinator answers boto3 %s", printed)
	}
	for i, n := range result.Document.Outputs[0].Data {
		wanted := strings.Split(strings.Trim(strings.TrimPrefix(want, `"data":`), "[]"), ",")[i]
		var a, b float32
		if _, err := fmt.Sscan(n.String(), &a); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscan(wanted, &b); err != nil {
			t.Fatal(err)
		}
		if a != b {
			t.Errorf("row %d: %v, wanted %v", i, a, b)
		}
	}
	checkShardReply(t, w, load(t, answer), echo)
	if !strings.HasPrefix(result.Error.ErrorType, "Shard.") || result.Kind == "" {
		t.Errorf("a question without inputs is answered %s", printed)
	}
}
