// Package value is JSON as the states language sees it: values that are decoded once, never changed in place, and
// encoded without escapes that AWS does not write.
//
// Whole numbers that fit are int64, all others float64; objects are map[string]any, so that keys come out sorted. Only
// the packages of the Step Functions simulator use it.
package value

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
)

// MaxBytes is Step Functions' quota of every task, state and execution input and output.
const MaxBytes = 256 << 10

// MaxDepth is how deep a value may nest. It lies far below encoding/json's own limit of 10,000, so that a value which was
// encoded inside another can be decoded again.
const MaxDepth = 1000

// Faults of a value that may not cross a border.
var (
	ErrLarge = fmt.Errorf("the value has more than %d bytes", MaxBytes)
	ErrDeep  = fmt.Errorf("the value nests deeper than %d", MaxDepth)
)

// Decode reads exactly one JSON value that nests no deeper than MaxDepth. The result is not to be changed in place.
func Decode(p []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(p))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("no JSON value")
		}
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("more than one JSON value: something follows at byte %d", d.InputOffset())
	}
	return numbers(v, 0)
}

// numbers replaces every json.Number in a freshly decoded value, in place, by int64 or float64.
func numbers(v any, depth int) (any, error) {
	var err error
	switch x := v.(type) {
	case json.Number:
		if n, err := strconv.ParseInt(string(x), 10, 64); err == nil {
			return n, nil
		}
		f, err := x.Float64()
		if err != nil || math.IsInf(f, 0) {
			return nil, fmt.Errorf("number %s is beyond a double", x)
		}
		return f, nil
	case []any:
		if depth == MaxDepth {
			return nil, ErrDeep
		}
		for i := range x {
			if x[i], err = numbers(x[i], depth+1); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		if depth == MaxDepth {
			return nil, ErrDeep
		}
		for k := range x {
			if x[k], err = numbers(x[k], depth+1); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// Encode writes a value as compact JSON; it panics when the value is not one of this package's kinds.
func Encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("value: %T is not a JSON value: %v", v, err))
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Bounded is Encode for a value that may be of any size, since values share their parts: it gives ErrLarge for more than
// MaxBytes and ErrDeep beyond MaxDepth, without encoding what is far too large.
func Bounded(v any) ([]byte, error) {
	left := MaxBytes
	if err := measure(v, &left, 0); err != nil {
		return nil, err
	}
	raw := Encode(v)
	if len(raw) > MaxBytes {
		return nil, ErrLarge
	}
	return raw, nil
}

// measure takes the least size that a value can have from what is left; escapes come on top.
func measure(v any, left *int, depth int) error {
	*left--
	switch x := v.(type) {
	case string:
		*left -= len(x) + 1
	case []any:
		if depth == MaxDepth {
			return ErrDeep
		}
		for i := 0; i < len(x) && *left >= 0; i++ {
			if err := measure(x[i], left, depth+1); err != nil {
				return err
			}
		}
	case map[string]any:
		if depth == MaxDepth {
			return ErrDeep
		}
		for k, w := range x {
			if *left -= len(k) + 3; *left < 0 {
				return ErrLarge
			}
			if err := measure(w, left, depth+1); err != nil {
				return err
			}
		}
	}
	if *left < 0 {
		return ErrLarge
	}
	return nil
}

// Equal compares two values as JSON; 1 equals 1.0.
func Equal(a, b any) bool {
	if x, ok := Number(a); ok {
		y, ok := Number(b)
		return ok && x == y
	}
	switch x := a.(type) {
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !Equal(x[i], y[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for k := range x {
			w, ok := y[k]
			if !ok || !Equal(x[k], w) {
				return false
			}
		}
		return true
	}
	switch b.(type) {
	case []any, map[string]any:
		return false
	}
	return a == b
}

// Number returns a numeric value as a double; ok is false for any other kind.
func Number(v any) (f float64, ok bool) {
	switch x := v.(type) {
	case int64:
		return float64(x), true
	case int:
		return float64(x), true
	case float64:
		return x, true
	}
	return 0, false
}

// Integer returns a whole number, be it written 3 or 3.0; ok is false for any other value.
func Integer(v any) (n int64, ok bool) {
	switch x := v.(type) {
	case int64:
		return x, true
	case float64:
		if x == math.Trunc(x) && math.Abs(x) < 1<<53 {
			return int64(x), true
		}
	}
	return 0, false
}
