//go:build onnxruntime && linux

package backend

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/engine/onnxruntime"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/tests/clock"
)

// exports are the folders that bench_models.py wrote below SHARDWISE_CACHE; make bench-onnx runs it.
func exports(tb testing.TB) []string {
	tb.Helper()
	dirs, err := filepath.Glob(filepath.Join(cacheDir(), "onnx-bench", "*"))
	if err != nil {
		tb.Fatal(err)
	}
	if len(dirs) == 0 {
		tb.Skip("there are no exported models; run make bench-onnx")
	}
	return dirs
}

// opened is an exported model on an engine, with its inputs and PyTorch's output.
type opened struct {
	program engine.Program
	in      tensor.Named
	output  string
	want    *tensor.Tensor
}

func open(tb testing.TB, e engine.Engine, dir string) opened {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "model.onnx"))
	if err != nil {
		tb.Fatal(err)
	}
	h, err := readHeader(data)
	if err != nil {
		tb.Fatal(err)
	}
	o := opened{output: h.outputs[0].name}
	set := filepath.Join(dir, "test_data_set_0")
	if o.in, err = readInputs(h, set); err != nil {
		tb.Fatal(err)
	}
	if o.want, err = readTensor(filepath.Join(set, "output_0.pb")); err != nil {
		tb.Fatal(err)
	}
	if o.program, err = load(e, filepath.Join(dir, "model.onnx")); err != nil {
		tb.Fatal(err)
	}
	return o
}

// BenchmarkEngines times both engines on PyTorch's exports in one run, on one thread, turn by turn, so that both see
// the same machine. The metrics are the medians of the thread's processor time, and the native engine's over ONNX Runtime's.
// Before, the outputs are compared with PyTorch's own: within 1e-5 of the largest value.
func BenchmarkEngines(b *testing.B) {
	library := os.Getenv("SHARDWISE_ONNXRUNTIME")
	for _, dir := range exports(b) {
		b.Run(filepath.Base(dir), func(b *testing.B) {
			// Here, since package testing sets its own number for each benchmark. Both engines ask when they compile or run.
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
			both := []opened{open(b, native.New(), dir), open(b, onnxruntime.New(library), dir)}
			for _, o := range both {
				out, err := o.program.Run(b.Context(), o.in, nil)
				if err != nil {
					b.Fatal(err)
				}
				d, err := tensor.Diff(out[o.output], o.want, tensor.Tolerance{Scale: 1e-5})
				if err != nil || d.Beyond > 0 {
					b.Fatalf("output %s is not PyTorch's: %v %v", o.output, d, err)
				}
			}
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			times := make([][]time.Duration, len(both))
			for b.Loop() {
				for i, o := range both {
					begin := clock.Thread()
					if _, err := o.program.Run(b.Context(), o.in, nil); err != nil {
						b.Fatal(err)
					}
					times[i] = append(times[i], clock.Thread()-begin)
				}
			}
			ours, theirs := clock.Median(times[0]), clock.Median(times[1])
			b.ReportMetric(ours.Seconds()*1e3, "native-ms")
			b.ReportMetric(theirs.Seconds()*1e3, "onnxruntime-ms")
			b.ReportMetric(float64(ours)/float64(theirs), "native/onnxruntime")
		})
	}
}
