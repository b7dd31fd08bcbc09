package bootstrap

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/shardtest"
	"github.com/shardwise/shardwise/shard/shardtest/minimodel"
	"github.com/shardwise/shardwise/shard/wire"
)

func model(t testing.TB) *minimodel.Model {
	t.Helper()
	m, err := minimodel.Write(t.TempDir(), minimodel.Options{Integers: true, Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestShardProcessAnswersThroughTheRuntimeAPI(t *testing.T) {
	m := model(t)
	api := newRuntimeAPI(t)
	api.start(t, "_HANDLER=shard", "LAMBDA_TASK_ROOT="+m.Dir, "SHARDWISE_SHARD=2")
	got := api.invoke(t, []byte(`{"version":1,"kind":"describe"}`))
	var facts shard.Facts
	if err := json.Unmarshal([]byte(got.body), &facts); err != nil || got.kind != "response" || facts.Shard != 2 || facts.Fingerprint != m.Fingerprint {
		t.Fatalf("found %+v, %v", got, err)
	}
	got = api.invoke(t, []byte(`{"version":1,"kind":"warm","fingerprint":"`+m.Fingerprint+`","shard":0}`))
	e := shard.ParseFunctionError([]byte(got.body))
	if got.kind != "error" || e.Kind != shard.Mismatch || e.Shard != 2 || e.Of != 3 {
		t.Fatalf("found %+v", got)
	}
	// The process must survive its own error.
	if got = api.invoke(t, []byte(`{"version":1,"kind":"describe"}`)); got.kind != "response" {
		t.Fatalf("found %+v", got)
	}
}

func TestFailedStartIsReportedTyped(t *testing.T) {
	m := model(t)
	for name, c := range map[string]struct {
		env  []string
		kind shard.Kind
		text string
	}{
		"no directory":    {[]string{"_HANDLER=shard"}, shard.Config, "SHARDWISE_MODEL_DIR"},
		"unknown handler": {[]string{"_HANDLER=main", "LAMBDA_TASK_ROOT=" + m.Dir}, shard.Config, `found "main"`},
		"no index":        {[]string{"_HANDLER=shard", "LAMBDA_TASK_ROOT=" + m.Dir}, shard.Config, "SHARDWISE_SHARD"},
		"index too large": {[]string{"_HANDLER=shard", "SHARDWISE_MODEL_DIR=" + m.Dir, "SHARDWISE_SHARD=3"}, shard.Config, "found 3"},
		"empty directory": {[]string{"_HANDLER=shard", "LAMBDA_TASK_ROOT=" + t.TempDir(), "SHARDWISE_SHARD=0"}, shard.Config, "manifest.json"},
		"no region":       {[]string{"_HANDLER=coordinator", "LAMBDA_TASK_ROOT=" + m.Dir}, shard.Config, "AWS_REGION"},
	} {
		t.Run(name, func(t *testing.T) {
			api := newRuntimeAPI(t)
			cmd := api.start(t, c.env...)
			got := <-api.posted
			if e := shard.ParseFunctionError([]byte(got.body)); got.kind != "init" || e.Kind != c.kind || !strings.Contains(e.Error(), c.text) {
				t.Fatalf("found %+v", got)
			}
			if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 1 {
				t.Fatalf("wanted exit status 1, found %v", err)
			}
		})
	}
}

// invokeAPI serves Lambda's Invoke API for a cluster.
func invokeAPI(t testing.TB, c *shardtest.Cluster) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		name := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/2015-03-31/functions/"), "/invocations")
		reply, err := c.Invoke(r.Context(), coordinator.Target{Function: name, Qualifier: r.URL.Query().Get("Qualifier")}, body)
		if err != nil {
			w.Header().Set("X-Amzn-ErrorType", "ResourceNotFoundException")
			http.Error(w, `{"Message":"`+err.Error()+`","Type":"User"}`, http.StatusNotFound)
			return
		}
		if reply.FunctionError != "" {
			w.Header().Set("X-Amz-Function-Error", reply.FunctionError)
		}
		w.Header().Set("X-Amz-Executed-Version", reply.ExecutedVersion)
		w.Write(reply.Body)
	}))
	t.Cleanup(s.Close)
	return s
}

func TestCoordinatorProcessReachesShardsThroughTheSDK(t *testing.T) {
	m := model(t)
	lambda := invokeAPI(t, shardtest.New(t, m.Dir, &minimodel.Engine{}))
	api := newRuntimeAPI(t)
	api.start(t, "_HANDLER=coordinator", "LAMBDA_TASK_ROOT="+m.Dir, "AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b",
		"AWS_ENDPOINT_URL="+lambda.URL)
	x := make([]float32, 2*m.Features)
	for i := range x {
		x[i] = float32(i%5 - 2)
	}
	prediction, wide := m.Reference(x)
	in, err := tensor.FromSlice(tensor.F32, x, 2, m.Features)
	if err != nil {
		t.Fatal(err)
	}
	body, err := wire.EncodeBody(tensor.Named{"x": in})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := wire.AppendRequest(nil, &wire.Request{Kind: wire.KindPredict, Fingerprint: m.Fingerprint, Outputs: []string{"prediction", "wide"}, Reply: wire.ReplyBase64}, body)
	if err != nil {
		t.Fatal(err)
	}
	got := api.invoke(t, payload)
	if got.kind != "response" {
		t.Fatalf("found %+v", got)
	}
	out, meta, err := wire.DecodeFrame(wire.ReplyBase64, []byte(got.body))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(tensor.Of[float32](out["prediction"]), prediction) || !slices.Equal(tensor.Of[float32](out["wide"]), wide) {
		t.Fatal("the answer differs from the unsharded model's")
	}
	var report coordinator.Report
	if err := json.Unmarshal([]byte(meta[coordinator.MetaReport]), &report); err != nil || len(report.Attempts) != 6 || report.Attempts[0].Function != "mini-shard-000:"+manifest.Alias(m.Fingerprint) {
		t.Fatalf("report %+v, %v", report, err)
	}
	// The same through the Open Inference Protocol.
	var data bytes.Buffer
	if err := json.NewEncoder(&data).Encode(map[string]any{"id": "abc", "inputs": []any{map[string]any{"name": "x", "shape": []int{2, m.Features}, "datatype": "FP32", "data": x}}}); err != nil {
		t.Fatal(err)
	}
	got = api.invoke(t, data.Bytes())
	var response struct {
		ID      string
		Outputs []struct {
			Name string
			Data []float32
		}
	}
	if err := json.Unmarshal([]byte(got.body), &response); err != nil || response.ID != "abc" || len(response.Outputs) != 1 || !slices.Equal(response.Outputs[0].Data, prediction) {
		t.Fatalf("found %+v, %v", got, err)
	}
}
