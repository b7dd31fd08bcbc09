package parity

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/shardwise/shardwise/internal/bootstrap"
	"github.com/shardwise/shardwise/internal/local"
)

// TestMain lets the test binary be the functions' bootstrap: the simulator runs it again under that name.
func TestMain(m *testing.M) {
	if bootstrap.IsBootstrap() {
		bootstrap.Main()
		return
	}
	goleak.VerifyTestMain(m)
}

// TestProcessesEqualTheLibrary asks some models through real processes behind AWS's protocol.
func TestProcessesEqualTheLibrary(t *testing.T) {
	cases := map[string]testCase{}
	for _, c := range append(readCases(t, "xgboost", leastXGBoost), readCases(t, "onnx", leastONNX)...) {
		cases[c.Name] = c
	}
	for _, p := range []struct {
		name   string
		shards int
	}{
		{"xgboost-3.4.1-stumps-json", 64},
		{"xgboost-3.4.1-softprob-json", 8},
		{"xgboost-3.4.1-vector-leaf-ubj", 3},
		{"xgboost-3.2.0-dart-json", 3},
		{"xgboost-1.7.6-partition-ubj", 8},
		{"xgboost-1.3.3-logistic-json", 1},
		{"onnx-gemm-transposed", 8},
		{"onnx-linear-tall", 3},
		{"onnx-sklearn-scaled-mlp", 2},
	} {
		t.Run(fmt.Sprintf("%s/shards=%d", p.name, p.shards), func(t *testing.T) {
			c, ok := cases[p.name]
			if !ok {
				t.Fatalf("the generator wrote no case %s", p.name)
			}
			throughProcesses(t, c, p.shards)
		})
	}
}

// TestNetworksThroughProcesses asks networks of every kind through real processes, at 1 and 4 shards.
func TestNetworksThroughProcesses(t *testing.T) {
	cases := map[string]testCase{}
	for _, c := range readCases(t, "network", leastNetworks) {
		cases[c.Name] = c
	}
	for _, name := range []string{"torch-mlp", "torch-encoder", "torch-decoder", "torch-resnet", "torch-lstm", "torch-dlrm", "torch-mlp-dynamic", "torch-resnet-qdq"} {
		c, ok := cases[name]
		if !ok {
			t.Fatalf("the generator wrote no case %s", name)
		}
		for _, n := range counts(t, c, maxShards(t, c), 1, 4) {
			t.Run(fmt.Sprintf("%s/shards=%d", name, n), func(t *testing.T) { throughProcesses(t, c, n) })
		}
	}
}

func throughProcesses(t *testing.T, c testCase, shards int) {
	t.Helper()
	dir, _ := split(t, c, shards)
	model, err := local.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	d, err := local.Start(t.Context(), local.Config{Model: model, Bootstrap: self, TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.Close(); err != nil {
			t.Errorf("stop the processes: %v", err)
		}
	}()
	inputs, want := c.arrays(t, c.Inputs), c.arrays(t, c.Outputs)
	got, err := d.Predict(t.Context(), inputs, local.Request{Outputs: want.Names()})
	if err != nil {
		t.Fatalf("predict: %v", err)
	}
	for name := range want {
		tol := reordered
		if c.Kind == "xgboost" && name != "prediction" {
			tol = sameBits
		} else if c.Kind == "xgboost" {
			tol = transformed
		}
		check(t, name, got.Outputs[name], want[name], tol)
	}
}
