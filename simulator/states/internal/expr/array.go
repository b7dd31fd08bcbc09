package expr

import (
	"errors"
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/simulator/states/internal/value"
)

// arrayIntrinsics finds a function over arrays by its short name.
func arrayIntrinsics(short string) (intrinsic, bool) {
	switch short {
	case "Array":
		return intrinsic{0, anyCount, func(a []any) (any, error) { return slices.Clone(a), nil }}, true
	case "ArrayPartition":
		return intrinsic{2, 2, over(arrayPartition)}, true
	case "ArrayContains":
		return intrinsic{2, 2, over(func(list []any, a []any) (any, error) {
			return slices.ContainsFunc(list, func(v any) bool { return value.Equal(v, a[0]) }), nil
		})}, true
	case "ArrayRange":
		return intrinsic{3, 3, arrayRange}, true
	case "ArrayGetItem":
		return intrinsic{2, 2, over(arrayGetItem)}, true
	case "ArrayLength":
		return intrinsic{1, 1, over(func(list []any, _ []any) (any, error) { return int64(len(list)), nil })}, true
	case "ArrayUnique":
		return intrinsic{1, 1, over(arrayUnique)}, true
	}
	return intrinsic{}, false
}

// over is a function whose first argument is an array.
func over(f func(list, rest []any) (any, error)) func([]any) (any, error) {
	return func(args []any) (any, error) {
		list, ok := args[0].([]any)
		if !ok {
			return nil, errors.New("the first argument is no array")
		}
		return f(list, args[1:])
	}
}

func arrayPartition(list, rest []any) (any, error) {
	size, ok := value.Integer(rest[0])
	if !ok || size < 1 {
		return nil, errors.New("the size must be a whole number above zero")
	}
	out := []any{}
	for part := range slices.Chunk(list, int(min(size, int64(max(len(list), 1))))) {
		out = append(out, part)
	}
	return out, nil
}

func arrayRange(args []any) (any, error) {
	first, ok1 := value.Integer(args[0])
	last, ok2 := value.Integer(args[1])
	step, ok3 := value.Integer(args[2])
	if !ok1 || !ok2 || !ok3 || step == 0 {
		return nil, errors.New("start, end and step must be whole numbers, and the step not zero")
	}
	out := []any{}
	for n := first; step > 0 && n <= last || step < 0 && n >= last; n += step {
		if len(out) == maxRange {
			return nil, fmt.Errorf("the range has more than %d elements", maxRange)
		}
		out = append(out, n)
		if next := n + step; (next > n) != (step > 0) { // beyond 64 bits
			break
		}
	}
	return out, nil
}

func arrayGetItem(list, rest []any) (any, error) {
	i, ok := value.Integer(rest[0])
	if !ok || i < 0 || i >= int64(len(list)) {
		return nil, fmt.Errorf("there is no such index in an array of %d", len(list))
	}
	return list[i], nil
}

func arrayUnique(list, _ []any) (any, error) {
	seen := make(map[string]bool, len(list))
	out := []any{}
	for _, v := range list {
		raw, err := value.Bounded(v)
		if err != nil {
			return nil, err
		}
		if key := string(raw); !seen[key] {
			seen[key] = true
			out = append(out, v)
		}
	}
	return out, nil
}
