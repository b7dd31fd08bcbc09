package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/splitter/layout"
)

func TestExitStatusFollowsTheCause(t *testing.T) {
	stopped, stop := context.WithCancel(t.Context())
	stop()
	kind := func(k shard.Kind) error { return fmt.Errorf("outer: %w", &shard.Error{Op: "infer", Kind: k}) }
	for _, c := range []struct {
		name   string
		ctx    context.Context
		err    error
		status int
	}{
		{"nothing wrong", t.Context(), nil, StatusOK},
		{"an interruption that ended well", stopped, nil, StatusOK},
		{"an interruption", stopped, errors.New("x"), StatusInterrupted},
		{"a verdict", t.Context(), errVerdict, StatusVerdict},
		{"a command line", t.Context(), &usageError{errors.New("x"), ""}, StatusInput},
		{"a refusal", t.Context(), &layout.RefusalError{}, StatusInput},
		{"a missing file", t.Context(), fmt.Errorf("x: %w", fs.ErrNotExist), StatusInput},
		{"bad input", t.Context(), kind(shard.BadInput), StatusInput},
		{"a corrupt file", t.Context(), kind(shard.Corrupt), StatusInput},
		{"a crash", t.Context(), kind(shard.Crashed), StatusRun},
		{"a deadline", t.Context(), kind(shard.Deadline), StatusRun},
		{"anything else", t.Context(), errors.New("x"), StatusRun},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := ExitStatus(c.ctx, c.err); got != c.status {
				t.Errorf("got %d, wanted %d", got, c.status)
			}
		})
	}
}

func TestNumbersReadWell(t *testing.T) {
	for got, want := range map[string]string{
		grouped(0): "0", grouped(999): "999", grouped(1000): "1,000", grouped(-1234567): "-1,234,567",
		size(1023): "1023 B", size(1536): "1.5 KiB", size(3 << 20): "3.0 MiB", size(5 << 30): "5.00 GiB",
		count(1, "process"): "1 process", count(2, "process"): "2 processes", count(1500, "row"): "1,500 rows",
		retries(0): "no retries", retries(1): "1 retry", retries(2): "2 retries", cut("abcdef", 5): "ab...", cut("abcde", 5): "abcde",
	} {
		if got != want {
			t.Errorf("got %q, wanted %q", got, want)
		}
	}
}

func TestColourOnlyWhereAllowed(t *testing.T) {
	if got := (&App{}).paint(red, "x"); got != "x" {
		t.Errorf("colour without permission: %q", got)
	}
	if got := (&App{Colour: true}).paint(red, "x"); got != "\x1b[31mx\x1b[0m" {
		t.Errorf("got %q", got)
	}
}

func TestTextAnswersKeepEveryBit(t *testing.T) {
	prediction, err := tensor.FromSlice(tensor.F32, []float32{0.1, 1e-30, 16777216, float32(math.NaN())}, 2, 2)
	if err != nil {
		t.Fatal(err)
	}
	label, err := tensor.FromStrings(tensor.Shape{2}, []string{`a "b"`, "c,d"})
	if err != nil {
		t.Fatal(err)
	}
	index, err := tensor.FromSlice(tensor.I64, []int64{-9007199254740993, 7}, 2)
	if err != nil {
		t.Fatal(err)
	}
	inf, err := tensor.FromSlice(tensor.F32, []float32{float32(math.Inf(1)), float32(math.Inf(-1))}, 2)
	if err != nil {
		t.Fatal(err)
	}
	rows := manifest.Dim{Name: manifest.Batch}
	outputs := []manifest.Output{
		{Name: "p", DType: tensor.F32, Shape: []manifest.Dim{rows, {Size: 2}}},
		{Name: "label", DType: tensor.String, Shape: []manifest.Dim{rows}},
		{Name: "i", DType: tensor.I64, Shape: []manifest.Dim{rows}},
		{Name: "f", DType: tensor.F32, Shape: []manifest.Dim{rows}},
	}
	all := "p_0,p_1,label,i,f\n0.1,1e-30,\"a \"\"b\"\"\",-9007199254740993,inf\n1.6777216e+07,,\"c,d\",7,-inf\n"
	header, rest, _ := strings.Cut(all, "\n")
	first, rest, _ := strings.Cut(rest, "\n")
	for limit, want := range map[int64]string{-1: all + first + "\n" + rest, 1: header + "\n" + first + "\n", 3: all + first + "\n"} {
		var out, said buffer
		s, err := newTextSink(&App{Stdout: &out, Stderr: &said}, outputs, limit)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := s.write(tensor.Named{"p": prediction, "label": label, "i": index, "f": inf, "unasked": inf}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.commit(); err != nil {
			t.Fatal(err)
		}
		if out.String() != want {
			t.Errorf("limit %d: got\n%swant\n%s", limit, out.String(), want)
		}
		if told := strings.Contains(said.String(), "of 4 rows"); told != (limit > 0) {
			t.Errorf("limit %d: said %q", limit, said.String())
		}
	}
}

func TestColumnsAlign(t *testing.T) {
	got := columns([][]string{{"a", "bbb", "c"}, {"dddd", "e", "f"}}, "  ")
	if got[0] != "  a     bbb  c" || got[1] != "  dddd  e    f" {
		t.Errorf("got %q", got)
	}
}
