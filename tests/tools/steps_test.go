package tools_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/shardwise/shardwise/internal/dataset"
	"github.com/shardwise/shardwise/internal/local"
	"github.com/shardwise/shardwise/simulator"
	"github.com/shardwise/shardwise/splitter"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/statemachine"
	"github.com/shardwise/shardwise/statemachine/batch"
	"github.com/shardwise/shardwise/statemachine/tasks"
)

// definitions writes the definitions of every example's batches, in every form, into a folder and returns their paths.
func definitions(t *testing.T) []string {
	t.Helper()
	var list []string
	for model, shards := range map[string]int{"diabetes-xgboost/model.ubj": 3, "digits-xgboost/model.json": 45, "digits-mlp/model.onnx": 2, "vote-xgboost/model.json": 1} {
		dir := filepath.Join(t.TempDir(), "parts")
		if _, err := splitter.Split(t.Context(), filepath.Join("../../examples", model), dir, layout.Options{Shards: shards}, nil); err != nil {
			t.Fatal(err)
		}
		m, err := local.Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range []statemachine.Options{
			{}, {Children: statemachine.ChildrenStandard, TolerateShare: 2}, {Children: statemachine.ChildrenExpress, TolerateCount: 3, Concurrency: 7},
			{Via: statemachine.ViaCoordinator}, {Via: statemachine.ViaCoordinator, Children: statemachine.ChildrenStandard},
		} {
			machine, _, err := statemachine.Definition(m.Manifest, m.Fingerprint, m.Deployment, o)
			if err != nil {
				t.Fatal(err)
			}
			text, err := machine.Encode()
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), fmt.Sprintf("%s-%d.asl.json", filepath.Dir(model), i))
			if err := os.WriteFile(path, text, 0o644); err != nil {
				t.Fatal(err)
			}
			list = append(list, path)
		}
	}
	return list
}

// validator is the package of the npm registry that checks the states language.
const validator = "asl-validator@4.0.0"

func TestEveryDefinitionPassesASLValidator(t *testing.T) {
	tool(t, "npx", "-y", validator, "--version")
	arguments := []string{"-y", validator}
	for _, path := range definitions(t) {
		arguments = append(arguments, "--json-path", path)
	}
	validate := func(arguments ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "npx", arguments...)
		cmd.Dir = t.TempDir()
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := validate(arguments...); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	wrong := filepath.Join(t.TempDir(), "wrong.asl.json")
	if err := os.WriteFile(wrong, []byte(`{"StartAt":"a","States":{"a":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Next":"b"}}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := validate("-y", validator, "--json-path", arguments[3], "--json-path", wrong); err == nil {
		t.Errorf("a state that is not there passes:\n%s", out)
	}
}

func TestEveryDefinitionPassesCFNLint(t *testing.T) {
	tool(t, "cfn-lint", "--version")
	resources := map[string]any{}
	for i, path := range definitions(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		resources[fmt.Sprintf("Batch%d", i)] = map[string]any{"Type": "AWS::StepFunctions::StateMachine", "Properties": map[string]any{
			"RoleArn": "arn:aws:iam::123456789012:role/batch", "StateMachineType": "STANDARD", "Definition": json.RawMessage(text)}}
	}
	template, err := json.Marshal(map[string]any{"Resources": resources})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "template.json")
	if err := os.WriteFile(file, template, 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "cfn-lint", file).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// A second interpreter of the states language, which knows STANDARD children only, comes to the same file.
func TestMotosInterpreterRunsABatchToTheSameFile(t *testing.T) {
	tool(t, "python3", "-c", "import moto.server, boto3")
	d := withTasks(t)
	c := batch.New(batch.Options{Region: simulator.DefaultRegion, Endpoint: d.Endpoint(), StepsEndpoint: moto(t, d.Endpoint()),
		Role: "arn:aws:iam::123456789012:role/batch", Poll: 200 * time.Millisecond, Credentials: credentials.NewStaticCredentialsProvider("ak", "sk", "")})
	defer c.Close()
	got := batched(t, c, d)
	if want := synchronous(t, d); !bytes.Equal(got, want) {
		t.Errorf("the output differs: wanted %d bytes, found %d", len(want), len(got))
	}
}

// withTasks serves the diabetes example with a batch's own function, S3 and Step Functions.
func withTasks(t *testing.T) *local.Deployment {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "parts")
	if _, err := splitter.Split(t.Context(), "../../examples/diabetes-xgboost/model.ubj", dir, layout.Options{Shards: 2, Name: "diabetes"}, nil); err != nil {
		t.Fatal(err)
	}
	m, err := local.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	d, err := local.Start(context.Background(), local.Config{Model: m, Bootstrap: self, TempDir: t.TempDir(), StepFunctions: &simulator.StepFunctions{},
		Tasks: statemachine.TasksFunction(m.Manifest), TasksHandler: tasks.HandlerName})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// moto starts the interpreter and returns its address; it ends with the test.
func moto(t *testing.T, endpoint string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cmd := exec.Command("python3", filepath.Join("testdata", "moto_steps.py"), strconv.Itoa(port), endpoint)
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=ak", "AWS_SECRET_ACCESS_KEY=sk", "AWS_EC2_METADATA_DISABLED=true", "NO_PROXY=*", "no_proxy=*")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("moto:\n%s", log.Bytes())
		}
	})
	url := "http://127.0.0.1:" + strconv.Itoa(port)
	for deadline := time.Now().Add(90 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		if r, err := http.Get(url + "/moto-api/"); err == nil {
			if err := r.Body.Close(); err != nil {
				t.Fatal(err)
			}
			http.DefaultClient.CloseIdleConnections()
			return url
		}
		if time.Now().After(deadline) {
			t.Fatal("moto does not answer")
		}
	}
}

// job describes a batch over the example's rows, which it puts into the store, and its state machine with STANDARD children.
func job(t *testing.T, c *batch.Client, d *local.Deployment, id string) (statemachine.Job, *statemachine.Machine) {
	t.Helper()
	machine, _, err := statemachine.Definition(d.Manifest, d.Fingerprint, d.Deployment, statemachine.Options{Children: statemachine.ChildrenStandard, Concurrency: 2})
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile("../../examples/diabetes-xgboost/input.csv")
	if err != nil {
		t.Fatal(err)
	}
	bucket, prefix := d.Store().Bucket, d.Store().Prefix+"/"+d.Fingerprint[:12]+"/"+id
	j := statemachine.Job{ID: id, Store: statemachine.Place{Bucket: bucket, Prefix: prefix}, BlockRows: 100,
		Input:  statemachine.Table{Bucket: bucket, Key: prefix + "/input.csv", Format: "csv"},
		Output: statemachine.Table{Bucket: bucket, Key: prefix + "/output.csv", Format: "csv"}}
	if err := c.Store.Put(t.Context(), bucket, j.Input.Key, table); err != nil {
		t.Fatal(err)
	}
	return j, machine
}

// batched runs a batch over the example's rows and returns its output.
func batched(t *testing.T, c *batch.Client, d *local.Deployment) []byte {
	t.Helper()
	job, machine := job(t, c, d, "moto")
	// This interpreter looks up a writer's paths in the children's results, where AWS looks in the state's input.
	machine.States["blocks"].ResultWriter.Parameters = map[string]string{"Bucket": job.Store.Bucket, "Prefix": job.Store.Prefix + "/results"}
	arn, err := c.Machine(t.Context(), "diabetes", machine)
	if err != nil {
		t.Fatal(err)
	}
	execution, err := c.Start(t.Context(), arn, job.ID, job)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Watch(t.Context(), execution, func(*batch.Status) {})
	if err != nil || s.Status != "SUCCEEDED" {
		t.Fatalf("found %+v, %v", s, err)
	}
	out, err := c.Store.Read(t.Context(), job.Output.Bucket, job.Output.Key)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// synchronous is the file of the coordinator's own answers.
func synchronous(t *testing.T, d *local.Deployment) []byte {
	t.Helper()
	in, err := dataset.Open("../../examples/diabetes-xgboost/input.csv", dataset.Auto, d.Manifest.Signature, dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	outputs, err := d.Manifest.ResolveOutputs(nil)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "answers.csv")
	out, err := dataset.Create(path, dataset.Auto, outputs)
	if err != nil {
		t.Fatal(err)
	}
	err = d.Stream(t.Context(), in, local.Request{}, func(c local.Chunk) error { return out.Write(c.Outputs) })
	if err = errors.Join(err, out.Close()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
