package e2e_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
)

const (
	// inspectLimit is the most memory that inspect may take, whatever the size of the weights.
	inspectLimit = 128 << 20
	// longLimit is what it may take for a graph of 100,000 nodes: the graph itself is held, and again as the optimiser makes it.
	longLimit = 256 << 20
)

// TestInspectLoadsNoWeights inspects models that are far larger than the memory it may take.
func TestInspectLoadsNoWeights(t *testing.T) {
	for name, c := range map[string]struct {
		write func(t *testing.T, dir string) string
		says  []string
		limit int64
	}{
		"6 GiB of external data":    {writeExternalModel, []string{"6.00 GiB in memory", "48 MatMul", "weights.bin"}, inspectLimit},
		"one protobuf of 2.4 GiB":   {writeSingleFile, []string{"2.41 GiB in memory", "77 MatMul"}, inspectLimit},
		"a graph of 100,000 nodes":  {writeLongGraph, []string{"50000 Mul, 50000 Relu"}, longLimit},
		"100,000 nodes, backwards":  {writeBackwards, []string{"50000 Mul, 50000 Relu"}, longLimit},
		"50,000 calls of functions": {writeCalls, []string{"50000 Neg, 50000 Relu", "50000 times"}, longLimit},
	} {
		t.Run(name, func(t *testing.T) {
			path := c.write(t, t.TempDir())
			cmd := command(t, "inspect", path)
			start := time.Now()
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			most := maxRSS(t, cmd.ProcessState)
			t.Logf("%v (%v of processors), %d MB", time.Since(start).Round(time.Millisecond), cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime(), most>>20)
			for _, text := range c.says {
				if !strings.Contains(string(out), text) {
					t.Errorf("%q is not said:\n%s", text, out)
				}
			}
			if most > c.limit {
				t.Errorf("inspect took %d MB, at most %d are allowed", most>>20, c.limit>>20)
			}
		})
	}
}

// maxRSS is the most memory that an ended process had, in bytes.
func maxRSS(t *testing.T, state *os.ProcessState) int64 {
	t.Helper()
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		t.Fatalf("no resource usage: %T", state.SysUsage())
	}
	if runtime.GOOS == "darwin" {
		return usage.Maxrss // bytes there, kilobytes elsewhere
	}
	return usage.Maxrss << 10
}

// columns is an input with rows of width numbers.
func columns(width int) []graph.Value {
	return []graph.Value{{Name: "x0", DType: tensor.F32, Ranked: true, Dims: []graph.Dim{{Size: -1, Symbol: "n"}, {Size: width}}}}
}

func writeModel(t *testing.T, dir string, g *graph.Graph) string {
	t.Helper()
	data, err := onnx.Encode(g)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "model.onnx")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// writeExternalModel is a model of 6 GiB.
func writeExternalModel(t *testing.T, dir string) string { return writeMatrices(t, dir, 48) }

// matrixBytes is the size of a layer of writeMatrices.
const matrixBytes = 128 << 20

// writeMatrices is a chain of products with matrices of 128 MiB each, in a file of holes.
func writeMatrices(t *testing.T, dir string, layers int) string {
	const side, bytes = 5792, matrixBytes
	g := &graph.Graph{Name: "large", Opsets: map[string]int64{"": 17}, Inputs: columns(side), Weights: map[string]*graph.Weight{}}
	for i := range layers {
		// 5792 is the nearest to the root of 2^25: the rest of each 128 MiB is a bias.
		w, b := fmt.Sprint("w", i), fmt.Sprint("b", i)
		matrix := int64(side * side * 4)
		g.Weights[w] = &graph.Weight{DType: tensor.F32, Shape: tensor.Shape{side, side}, Location: "weights.bin", Offset: int64(i) * bytes, Length: matrix}
		g.Weights[b] = &graph.Weight{DType: tensor.F32, Shape: tensor.Shape{side}, Location: "weights.bin", Offset: int64(i)*bytes + bytes - side*4, Length: side * 4}
		g.Nodes = append(g.Nodes,
			&graph.Node{Op: "MatMul", Inputs: []string{fmt.Sprint("x", i), w}, Outputs: []string{fmt.Sprint("h", i)}},
			&graph.Node{Op: "Add", Inputs: []string{fmt.Sprint("h", i), b}, Outputs: []string{fmt.Sprint("x", i+1)}})
	}
	g.Outputs = []graph.Value{{Name: fmt.Sprint("x", layers), DType: tensor.F32}}
	f, err := os.Create(filepath.Join(dir, "weights.bin"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(int64(layers) * bytes); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return writeModel(t, dir, g)
}

// writeSingleFile is a chain of products whose matrices stand in the protobuf itself, as holes of the file.
func writeSingleFile(t *testing.T, dir string) string {
	const layers, side = 77, 2896
	const raw = side * side * 4
	message := func(out []byte, num protowire.Number, b []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(out, num, protowire.BytesType), b)
	}
	small, err := onnx.Encode(&graph.Graph{Opsets: map[string]int64{"": 17}, Inputs: columns(side), Outputs: []graph.Value{{Name: fmt.Sprint("x", layers), DType: tensor.F32}}})
	if err != nil {
		t.Fatal(err)
	}
	// The graph of a small model goes on in pieces: its own fields, then each layer's node, initializer and hole.
	head, own, tail := cutGraph(t, small)
	pieces := [][]byte{own}
	total := len(own)
	for i := range layers {
		node := message(message(message(message(nil, 1, []byte(fmt.Sprint("x", i))), 1, []byte(fmt.Sprint("w", i))), 2, []byte(fmt.Sprint("x", i+1))), 4, []byte("MatMul"))
		var start []byte
		for range 2 {
			start = protowire.AppendVarint(protowire.AppendTag(start, 1, protowire.VarintType), side)
		}
		start = protowire.AppendVarint(protowire.AppendTag(start, 2, protowire.VarintType), 1)
		start = message(start, 8, []byte(fmt.Sprint("w", i)))
		start = protowire.AppendVarint(protowire.AppendTag(start, 9, protowire.BytesType), raw)
		piece := message(nil, 1, node)
		piece = protowire.AppendVarint(protowire.AppendTag(piece, 5, protowire.BytesType), uint64(len(start)+raw))
		piece = append(piece, start...)
		pieces, total = append(pieces, piece), total+len(piece)+raw
	}
	return writeGraph(t, dir, head, tail, total, func(put func(piece []byte, hole int64)) {
		for i, piece := range pieces {
			put(piece, int64(min(i, 1)*raw))
		}
	})
}

// writeGraph writes a model whose graph, of total bytes, comes in pieces, each with a hole of zeros behind it.
func writeGraph(t *testing.T, dir string, head, tail []byte, total int, pieces func(put func(piece []byte, hole int64))) string {
	t.Helper()
	path := filepath.Join(dir, "model.onnx")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	put := func(b []byte, hole int64) {
		if _, err := w.Write(b); err != nil {
			t.Fatal(err)
		}
		if hole == 0 {
			return
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Seek(hole, io.SeekCurrent); err != nil {
			t.Fatal(err)
		}
	}
	put(protowire.AppendVarint(protowire.AppendTag(head, 7, protowire.BytesType), uint64(total)), 0)
	pieces(put)
	put(tail, 0)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// cutGraph cuts a model into what stands before its graph, the graph's fields, and the rest.
func cutGraph(t *testing.T, model []byte) (head, own, tail []byte) {
	t.Helper()
	for at := 0; at < len(model); {
		num, typ, n := protowire.ConsumeTag(model[at:])
		if num == 7 && typ == protowire.BytesType {
			body, m := protowire.ConsumeBytes(model[at+n:])
			return model[:at:at], body, model[at+n+m:]
		}
		at += n + protowire.ConsumeFieldValue(num, typ, model[at+n:])
	}
	t.Fatal("the model has no graph")
	return nil, nil, nil
}

// pairs is half the number of nodes of the long graphs.
const pairs = 50_000

// writeNodes writes a chain of nodes. They are made one by one, because the memory of this process counts for the one that it
// starts.
func writeNodes(t *testing.T, dir string, order func(i int) int, last string, nodes func(i int) []byte, tail ...byte) string {
	t.Helper()
	small, err := onnx.Encode(&graph.Graph{Opsets: map[string]int64{"": 17, "f": 1}, Inputs: columns(8), Outputs: []graph.Value{{Name: last, DType: tensor.F32}},
		Weights: map[string]*graph.Weight{"scale": {DType: tensor.F32, Shape: tensor.Shape{8}, Data: make([]byte, 32)}}})
	if err != nil {
		t.Fatal(err)
	}
	head, own, rest := cutGraph(t, small)
	total := len(own)
	for i := range pairs {
		total += len(nodes(i))
	}
	return writeGraph(t, dir, head, append(rest[:len(rest):len(rest)], tail...), total, func(put func([]byte, int64)) {
		put(own, 0)
		for i := range pairs {
			put(nodes(order(i)), 0)
		}
	})
}

// node is a field of nodes: a NodeProto with a name, or without one.
func node(name, domain, op, out string, in ...string) []byte {
	var n []byte
	for _, x := range in {
		n = field(n, 1, x)
	}
	n = field(field(n, 2, out), 4, op)
	if name != "" {
		n = field(n, 3, name)
	}
	return field(nil, 1, string(field(n, 7, domain)))
}

func field(out []byte, num protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(out, num, protowire.BytesType), s)
}

// pair is a Mul by the same vector everywhere, and a Relu.
func pair(i int) []byte {
	x, h := fmt.Sprint("x", i), fmt.Sprint("h", i)
	return append(node(fmt.Sprint("mul", i), "", "Mul", h, x, "scale"), node(fmt.Sprint("relu", i), "", "Relu", fmt.Sprint("x", i+1), h)...)
}

func writeLongGraph(t *testing.T, dir string) string {
	return writeNodes(t, dir, func(i int) int { return i }, fmt.Sprint("x", pairs), pair)
}

func writeBackwards(t *testing.T, dir string) string {
	return writeNodes(t, dir, func(i int) int { return pairs - 1 - i }, fmt.Sprint("x", pairs), pair)
}

// writeCalls is a chain of calls of a function of two nodes.
func writeCalls(t *testing.T, dir string) string {
	inner := func(op, out, in string) string {
		return string(field(field(field(nil, 1, in), 2, out), 4, op))
	}
	function := field(field(field(field(nil, 1, "Both"), 4, "a"), 5, "b"), 10, "f")
	function = field(field(function, 7, inner("Neg", "c", "a")), 7, inner("Relu", "b", "c"))
	call := func(i int) []byte { return node("", "f", "Both", fmt.Sprint("x", i+1), fmt.Sprint("x", i)) }
	return writeNodes(t, dir, func(i int) int { return i }, fmt.Sprint("x", pairs), call, field(nil, 25, string(function))...)
}
