package backend

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
)

// state is how a case ended.
type state int

const (
	failed  state = iota // an error that is no refusal, or a panic
	wrong                // it ran, and gave other values than it must
	refused              // what it needs is not covered, and it was said by name
	passed
)

func (s state) String() string { return [...]string{"failed", "wrong", "refused", "passed"}[s] }

// result is a case's end with what there is to say about it.
type result struct {
	state   state
	reason  string  // of what did not pass
	op      string  // the operator that was refused, when it was one
	largest float64 // the largest absolute difference from the expected values
}

// maxRun bounds one case; all of them are small.
const maxRun = 20 * time.Second

// runCase runs all data sets of the case in dir on the engine. It never panics.
func runCase(e engine.Engine, h *header, dir string) (r result) {
	defer func() {
		if p := recover(); p != nil {
			r = result{state: failed, reason: fmt.Sprintf("panic: %v\n%s", p, debug.Stack())}
		}
	}()
	for _, k := range slices.Concat(h.inputs, h.outputs) {
		if why := uncovered(k); why != "" {
			return result{state: refused, reason: why}
		}
	}
	p, err := load(e, filepath.Join(dir, "model.onnx"))
	if err != nil {
		r := ended(err)
		if e.Name() != native.Name {
			r.state = refused // another's library says in many ways that it does not cover something
		}
		return r
	}
	tolerance, err := toleranceOf(dir)
	if err != nil {
		return ended(err)
	}
	sets, err := filepath.Glob(filepath.Join(dir, "test_data_set_*"))
	if err != nil || len(sets) == 0 {
		return ended(errors.Join(err, errors.New("the case has no data")))
	}
	worst := result{state: passed}
	for _, s := range sets {
		r := runData(p, h, s, tolerance)
		r.largest = max(r.largest, worst.largest)
		if worst = r; r.state != passed {
			break
		}
	}
	return worst
}

// ended is the result of a case that an error stopped: a refusal by name, or a failure.
func ended(err error) result {
	var op *engine.UnsupportedError
	var form *onnx.UnsupportedError
	switch {
	case errors.As(err, &op):
		name := op.Op
		if op.Domain != "" {
			name = op.Domain + "." + name
		}
		return result{state: refused, reason: err.Error(), op: name}
	case errors.As(err, &form):
		return result{state: refused, reason: err.Error()}
	}
	return result{state: failed, reason: err.Error()}
}

// uncovered says why no engine takes an input or output of this type, or "".
func uncovered(k kind) string {
	if k.form != "tensor" {
		return fmt.Sprintf("value %q is a %s, wanted a tensor", k.name, k.form)
	}
	if _, ok := onnx.DTypeOf(int64(k.elem)); !ok {
		return fmt.Sprintf("value %q has elements of type %s", k.name, elementName(k.elem))
	}
	return ""
}

// toleranceOf reads a case's own tolerance; the others have that of ONNX's own runner.
func toleranceOf(dir string) (tensor.Tolerance, error) {
	tol := struct{ Rtol, Atol float64 }{1e-3, 1e-7}
	text, err := os.ReadFile(filepath.Join(dir, "data.json"))
	if err == nil {
		err = json.Unmarshal(text, &tol)
	} else if os.IsNotExist(err) {
		err = nil
	}
	return tensor.Tolerance{Rel: tol.Rtol, Abs: tol.Atol}, err
}

// readInputs reads the inputs of a data set.
func readInputs(h *header, dir string) (tensor.Named, error) {
	in := tensor.Named{}
	files := 0
	for _, k := range h.inputs {
		path := filepath.Join(dir, fmt.Sprintf("input_%d.pb", files))
		if _, err := os.Stat(path); h.initializers[k.name] || os.IsNotExist(err) {
			continue // a weight with a default, or one more data set without the last inputs
		}
		t, err := readTensor(path)
		if err == nil {
			t, err = declared(t, k)
		}
		if err != nil {
			return nil, err
		}
		in[k.name] = t
		files++
	}
	return in, nil
}

func runData(p engine.Program, h *header, dir string, tol tensor.Tolerance) result {
	in, err := readInputs(h, dir)
	if err != nil {
		return ended(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), maxRun)
	defer cancel()
	got, err := p.Run(ctx, in, nil)
	if err != nil {
		return ended(err)
	}
	r := result{state: passed}
	for i, k := range h.outputs {
		want, err := readTensor(filepath.Join(dir, fmt.Sprintf("output_%d.pb", i)))
		if err == nil {
			want, err = declared(want, k)
		}
		if err != nil {
			return ended(err)
		}
		if got[k.name] == nil {
			return result{state: wrong, reason: fmt.Sprintf("there is no output %q", k.name)}
		}
		d, err := tensor.Diff(got[k.name], want, bound(want.DType(), tol))
		if err != nil {
			return result{state: wrong, reason: fmt.Sprintf("output %q: %v", k.name, err)}
		}
		r.largest = max(r.largest, d.MaxAbs)
		if d.Beyond > 0 {
			return result{state: wrong, reason: fmt.Sprintf("output %q, %v: %v", k.name, want, d), largest: r.largest}
		}
	}
	return r
}

// declared gives the values the type that the model declares for them: ONNX 1.12 wrote BF16 as the U16 of its bits.
func declared(t *tensor.Tensor, k kind) (*tensor.Tensor, error) {
	if d, _ := onnx.DTypeOf(int64(k.elem)); d == tensor.BF16 && t.DType() == tensor.U16 {
		return tensor.FromBytes(d, t.Shape(), t.Bytes())
	}
	return t, nil
}

// bound is the tolerance for values of the dtype: integers, booleans and strings are exact.
func bound(d tensor.DType, tol tensor.Tolerance) tensor.Tolerance {
	if d.Float() {
		return tol
	}
	return tensor.Tolerance{Exact: true}
}

// elementName names the numbers of TensorProto.DataType that tensor.DType has no name for.
func elementName(elem uint64) string {
	names := map[uint64]string{0: "undefined", 8: "string", 14: "complex64", 15: "complex128", 17: "float8e4m3fn", 18: "float8e4m3fnuz",
		19: "float8e5m2", 20: "float8e5m2fnuz", 21: "uint4", 22: "int4", 23: "float4e2m1", 24: "float8e8m0", 25: "uint2", 26: "int2"}
	if name, ok := names[elem]; ok {
		return name
	}
	return fmt.Sprintf("number %d", elem)
}
