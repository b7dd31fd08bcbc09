package cli

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

func TestLoopbackAddressesAreThisComputers(t *testing.T) {
	for endpoint, want := range map[string]bool{
		"http://127.0.0.1:9001": true, "http://127.1.2.3": true, "http://[::1]:9001/": true, "http://localhost:9001": true, "http://LOCALHOST.": true,
		"http://steps.localhost:1": true, "http://0.0.0.0:9001": true, "http://[::ffff:127.0.0.1]:1": true,
		"": false, "https://states.us-east-1.amazonaws.com": false, "http://10.0.0.1:9001": false, "http://localhost.example.com": false,
		"http://[fe80::1]:1": false, "http://127.0.0.1.example.com": false, "://": false,
	} {
		if got := loopback(endpoint); got != want {
			t.Errorf("%q: found %v", endpoint, got)
		}
	}
}

// withStore names a store in a model directory's deployment, as one on AWS has it.
func withStore(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "deployment.json")
	var d map[string]any
	if err := json.Unmarshal([]byte(readFile(t, path)), &d); err != nil {
		t.Fatal(err)
	}
	d["store"] = map[string]string{"bucket": "batches", "prefix": "work"}
	data, err := json.Marshal(d)
	if err == nil {
		err = os.WriteFile(path, data, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// credentialsOfNobody let the SDK sign what no service checks.
func credentialsOfNobody(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_SFN": "", "AWS_ENDPOINT_URL_S3": ""} {
		t.Setenv(name, value)
	}
}

// Against a simulation on this computer a batch takes no more processes at once than it has with --local.
func TestABatchOnALoopbackEndpointTakesTheProcessorsAtOnce(t *testing.T) {
	dir := withStore(t, splitExample(t, "diabetes-xgboost", "model.ubj", 2))
	credentialsOfNobody(t)
	var atOnce atomic.Int64
	steps := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var request struct{ Definition string }
		var machine struct {
			States map[string]struct{ MaxConcurrency int64 }
		}
		if err != nil || json.Unmarshal(body, &request) != nil || json.Unmarshal([]byte(request.Definition), &machine) != nil {
			t.Errorf("found %s, %v", body, err)
		}
		atOnce.Store(machine.States["blocks"].MaxConcurrency)
		w.WriteHeader(http.StatusBadRequest)
		if _, err := io.WriteString(w, `{"__type":"InvalidDefinition","message":"seen"}`); err != nil {
			t.Error(err)
		}
	}))
	defer steps.Close()
	for _, c := range []struct {
		variable string
		flags    []string
		want     int
	}{
		{"AWS_ENDPOINT_URL", nil, localConcurrency()},
		{"AWS_ENDPOINT_URL_SFN", nil, localConcurrency()},
		{"AWS_ENDPOINT_URL", []string{"--concurrency", "77"}, 77},
	} {
		t.Run(c.variable+strings.Join(c.flags, " "), func(t *testing.T) {
			t.Setenv(c.variable, steps.URL)
			atOnce.Store(0)
			args := append([]string{"batch", dir, "--input", "s3://data/rows.csv", "--output", "s3://data/y.csv", "--role", localRole, "--detach"}, c.flags...)
			if r := runCommand(t, args...); r.status == StatusOK || int64(c.want) != atOnce.Load() {
				t.Errorf("wanted %d blocks at once, found %d; status %d\n%s", c.want, atOnce.Load(), r.status, r.stderr)
			}
		})
	}
}

// A bucket that is not there is told before anything starts, for the command's own summary and for the functions' output.
func TestABatchWhoseOutputHasNoBucketEndsBeforeItsBlocks(t *testing.T) {
	dir := withStore(t, splitExample(t, "diabetes-xgboost", "model.ubj", 2))
	credentialsOfNobody(t)
	ctx, interrupt := context.WithCancel(t.Context())
	var out, errs buffer
	a := testApp(t, &out, &errs)
	ended := make(chan int, 1)
	go func() { ended <- a.Run(ctx, []string{"simulate", dir, "--json"}) }()
	defer func() {
		interrupt()
		if status := <-ended; status != StatusOK {
			t.Errorf("simulate: status %d\n%s", status, errs.String())
		}
	}()
	t.Setenv("AWS_ENDPOINT_URL", awaitFacts(t, &out, ended).Endpoint)
	input := examplePath("diabetes-xgboost", "input.csv")
	batch := []string{"batch", dir, "--input", input, "--output", "s3://nowhere/y.csv", "--role", localRole}
	r := runCommand(t, batch...).want(t, StatusRun)
	for _, says := range []string{"--output s3://nowhere/y.csv", "nothing was started", "NoSuchBucket"} {
		if !strings.Contains(r.stderr, says) {
			t.Errorf("wanted %q, found %s", says, r.stderr)
		}
	}
	execution := strings.TrimSpace(runCommand(t, append(batch, "--detach")...).want(t, StatusOK).stdout)
	r = runCommand(t, "batch", "status", execution, "--wait").want(t, StatusRun)
	for _, says := range []string{"bucket nowhere", "no row was read", "make the bucket"} {
		if !strings.Contains(r.stderr, says) {
			t.Errorf("wanted %q, found %s", says, r.stderr)
		}
	}
	if strings.Contains(errs.String(), "shard-000 START") {
		t.Error("a block was begun")
	}
}
