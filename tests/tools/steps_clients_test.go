package tools_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/shardwise/shardwise/internal/local"
	"github.com/shardwise/shardwise/simulator"
	"github.com/shardwise/shardwise/statemachine/batch"
)

// prepared puts a batch's table into the store and its definition and input into files, for clients that are not ours.
func prepared(t *testing.T, id string) (d *local.Deployment, c *batch.Client, definition, input, output string) {
	t.Helper()
	d = withTasks(t)
	c = batch.New(batch.Options{Region: simulator.DefaultRegion, Endpoint: d.Endpoint(), Credentials: credentials.NewStaticCredentialsProvider("ak", "sk", "")})
	t.Cleanup(c.Close)
	j, machine := job(t, c, d, id)
	text, err := machine.Encode()
	if err != nil {
		t.Fatal(err)
	}
	started, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, data []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return d, c, write("definition.json", text), write("input.json", started), j.Output.Key
}

// environment is a client's, with nothing but the endpoint changed.
func environment(d *local.Deployment) []string {
	return append(os.Environ(), "AWS_ENDPOINT_URL="+d.Endpoint(), "AWS_ACCESS_KEY_ID=ak", "AWS_SECRET_ACCESS_KEY=sk", "AWS_DEFAULT_REGION="+simulator.DefaultRegion,
		"AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=", "NO_PROXY=*", "no_proxy=*")
}

// holds compares a batch's output with the synchronous path's.
func holds(t *testing.T, c *batch.Client, d *local.Deployment, key string) {
	t.Helper()
	got, err := c.Store.Read(t.Context(), d.Store().Bucket, key)
	if err != nil {
		t.Fatal(err)
	}
	if want := synchronous(t, d); !bytes.Equal(got, want) {
		t.Errorf("the output differs: wanted %d bytes, found %d", len(want), len(got))
	}
}

func TestTheAWSCommandLineRunsABatch(t *testing.T) {
	tool(t, "aws", "--version")
	d, c, definition, input, output := prepared(t, "cli")
	aws := func(args ...string) map[string]any {
		cmd := exec.CommandContext(t.Context(), "aws", append([]string{"stepfunctions", "--output", "json"}, args...)...)
		cmd.Env = environment(d)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("aws %v: %v\n%s", args, err, errs.Bytes())
		}
		var v map[string]any
		if err := json.Unmarshal(out, &v); err != nil {
			t.Fatalf("aws %v: %v in %s", args, err, out)
		}
		return v
	}
	machine := aws("create-state-machine", "--name", "batch", "--definition", "file://"+definition, "--role-arn", "arn:aws:iam::000000000000:role/batch")["stateMachineArn"].(string)
	execution := aws("start-execution", "--state-machine-arn", machine, "--name", "cli", "--input", "file://"+input)["executionArn"].(string)
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		s := aws("describe-execution", "--execution-arn", execution)
		if s["status"] == "SUCCEEDED" {
			break
		}
		if s["status"] != "RUNNING" || time.Now().After(deadline) {
			t.Fatalf("found %v", s)
		}
	}
	var kinds []string
	for _, e := range aws("get-execution-history", "--execution-arn", execution)["events"].([]any) {
		kinds = append(kinds, e.(map[string]any)["type"].(string))
	}
	for _, wanted := range []string{"ExecutionStarted", "TaskStateEntered", "TaskSucceeded", "MapStateEntered", "MapRunStarted", "MapRunSucceeded", "MapStateExited", "ExecutionSucceeded"} {
		if !slices.Contains(kinds, wanted) {
			t.Errorf("the history has no %s: %v", wanted, kinds)
		}
	}
	run := aws("list-map-runs", "--execution-arn", execution)["mapRuns"].([]any)[0].(map[string]any)["mapRunArn"].(string)
	if counts := aws("describe-map-run", "--map-run-arn", run)["itemCounts"].(map[string]any); counts["succeeded"] != 5.0 || counts["total"] != 5.0 {
		t.Errorf("found %v", counts)
	}
	child := aws("list-executions", "--map-run-arn", run)["executions"].([]any)[0].(map[string]any)["executionArn"].(string)
	history, err := json.Marshal(aws("get-execution-history", "--execution-arn", child))
	if err != nil || !strings.Contains(string(history), "ParallelStateStarted") {
		t.Errorf("the child's history is %s, %v", history, err)
	}
	holds(t, c, d, output)
}

func TestBoto3RunsABatch(t *testing.T) {
	tool(t, "python3", "-c", "import boto3")
	d, c, definition, input, output := prepared(t, "boto3")
	cmd := exec.CommandContext(t.Context(), "python3", filepath.Join("testdata", "boto3_batch.py"), definition, input)
	cmd.Env = environment(d)
	if out, err := cmd.CombinedOutput(); err != nil || !strings.HasSuffix(strings.TrimSpace(string(out)), "SUCCEEDED 5 of 5") {
		t.Fatalf("%v\n%s", err, out)
	}
	holds(t, c, d, output)
}
