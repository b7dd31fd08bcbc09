package shardwisetest_test

import (
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/shardwise/shardwise/client"
	"github.com/shardwise/shardwise/shardwisetest"
	"github.com/shardwise/shardwise/splitter"
	"github.com/shardwise/shardwise/splitter/layout"
)

func TestMain(m *testing.M) { shardwisetest.Main(m) }

func TestAModelIsServedUntilTheTestEnds(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) }) // after all that Serve started has ended
	dir := filepath.Join(t.TempDir(), "parts")
	if _, err := splitter.Split(t.Context(), "../examples/diabetes-xgboost/model.ubj", dir, layout.Options{Shards: 2, Name: "diabetes"}, nil); err != nil {
		t.Fatal(err)
	}
	var endpoint *client.Client
	t.Run("served", func(t *testing.T) {
		model := shardwisetest.Serve(t, dir)
		endpoint = model.Client
		x, err := client.NewTensor("features", []float32{48, 1, 21.6, 87, 183, 103.2, 70, 3, 3.8918, 69}, 1, 10)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := model.Client.Infer(t.Context(), client.Request{Inputs: []client.Tensor{x}})
		if err != nil {
			t.Fatal(err)
		}
		y, err := client.Values[float32](answer.Output("prediction"))
		if err != nil || len(y) != 1 || y[0] != 73.910934 {
			t.Errorf("predicted %v (%v), wanted 73.910934", y, err)
		}
		if model.Name != "diabetes" || model.Coordinator != "diabetes-coordinator" || model.Endpoint == "" {
			t.Errorf("the model is %+v", model)
		}
	})
	if endpoint.Ready(t.Context()) == nil {
		t.Error("the model is served beyond the end of the test")
	}
}

// failing is a test that records its failure.
type failing struct {
	testing.TB
	failed bool
}

func (f *failing) Fatal(...any) { f.failed = true; panic(f) }

func TestADirectoryWithoutAModelFailsTheTest(t *testing.T) {
	f := &failing{TB: t}
	func() {
		defer func() { _ = recover() }()
		shardwisetest.Serve(f, t.TempDir())
	}()
	if !f.failed {
		t.Error("an empty directory was served")
	}
}
