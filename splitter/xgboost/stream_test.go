package xgboost

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"runtime"
	"testing"

	"github.com/shardwise/shardwise/internal/forest"
)

// virtual is a model file of any size that exists only as it is read: a head, n times the same tree with its own id, a
// tail. idAt is where the id stands in the tree; writeID writes it.
type virtual struct {
	head, tree, tail []byte
	n, idAt          int
	writeID          func(dst []byte, id int)
}

func (v *virtual) size() int64 { return int64(len(v.head) + v.n*len(v.tree) + len(v.tail)) }

// ReadAt fills p.
func (v *virtual) ReadAt(p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) {
		at := off + int64(done)
		body := at - int64(len(v.head))
		var src []byte
		switch {
		case body < 0:
			src = v.head[at:]
		case body < int64(v.n)*int64(len(v.tree)):
			i := int(body / int64(len(v.tree)))
			v.writeID(v.tree[v.idAt:], i)
			src = v.tree[body%int64(len(v.tree)):]
		default:
			if at = body - int64(v.n)*int64(len(v.tree)); at >= int64(len(v.tail)) {
				return done, io.EOF
			}
			src = v.tail[at:]
		}
		done += copy(p[done:], src)
	}
	return done, nil
}

// ubj writes what the test needs of UBJSON.
type ubj struct{ bytes.Buffer }

func (b *ubj) long(v int) *ubj {
	b.WriteByte('L')
	b.Write(binary.BigEndian.AppendUint64(nil, uint64(v)))
	return b
}

func (b *ubj) key(s string) *ubj { b.long(len(s)).WriteString(s); return b }

func (b *ubj) text(key, s string) *ubj {
	b.key(key).WriteByte('S')
	b.long(len(s)).WriteString(s)
	return b
}

// words writes a typed array of 32-bit words.
func (b *ubj) words(key string, marker byte, n int, value func(i int) uint32) {
	b.key(key).WriteString("[$" + string(marker) + "#")
	b.long(n)
	for i := range n {
		b.Write(binary.BigEndian.AppendUint32(nil, value(i)))
	}
}

// largeModel has n full trees of the given depth.
func largeModel(n, depth int) *virtual {
	nodes, inner := 2<<depth-1, 1<<depth-1
	var head, tree, tail ubj
	head.WriteByte('{')
	head.key("learner").WriteByte('{')
	head.key("gradient_booster").WriteByte('{')
	head.text("name", "gbtree").key("model").WriteByte('{')
	head.key("gbtree_model_param").WriteByte('{')
	head.text("num_trees", fmt.Sprint(n)).WriteByte('}')
	head.key("tree_info").WriteString("[#")
	head.long(n).WriteString(string(bytes.Repeat([]byte("i\x00"), n)))
	head.key("trees").WriteString("[#")
	head.long(n)
	tree.WriteByte('{')
	child := func(add int) func(int) uint32 {
		return func(i int) uint32 {
			if i >= inner {
				return math.MaxUint32
			}
			return uint32(2*i + add)
		}
	}
	float := func(i int) uint32 { return math.Float32bits(float32(i)) }
	tree.words("base_weights", 'd', nodes, float)
	tree.words("left_children", 'l', nodes, child(1))
	tree.words("loss_changes", 'd', nodes, float)
	tree.words("right_children", 'l', nodes, child(2))
	tree.words("split_conditions", 'd', nodes, float)
	tree.words("split_indices", 'l', nodes, func(i int) uint32 { return uint32(i % 64) })
	tree.words("default_left", 'l', nodes, func(int) uint32 { return 1 })
	tree.words("sum_hessian", 'd', nodes, float)
	tree.key("tree_param").WriteByte('{')
	tree.text("num_nodes", fmt.Sprint(nodes)).text("num_feature", "64").WriteByte('}')
	tree.key("id").WriteByte('L')
	idAt := tree.Len()
	tree.Write(make([]byte, 8))
	tree.WriteByte('}')
	tail.WriteString("}}") // model, gradient_booster
	tail.key("learner_model_param").WriteByte('{')
	tail.text("base_score", "5E-1").text("num_feature", "64").WriteByte('}')
	tail.key("objective").WriteByte('{')
	tail.text("name", "reg:squarederror").WriteString("}}}")
	return &virtual{head: head.Bytes(), tree: tree.Bytes(), tail: tail.Bytes(), n: n, idAt: idAt,
		writeID: func(dst []byte, id int) { binary.BigEndian.PutUint64(dst, uint64(id)) }}
}

// memoryLimit is what reading may take beside the largest tree, whatever the size of the file.
const memoryLimit = 64 << 20

func TestMemoryDoesNotGrowWithTheFile(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 200 MB")
	}
	v := largeModel(1700, 11)
	if v.size() < 200<<20 {
		t.Fatalf("the model has only %d MB", v.size()>>20)
	}
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	s, err := newSource(v, v.size())
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&now)
	peak := now.HeapSys - min(before.HeapSys, now.HeapSys) // what the heap took from the system at its greatest
	var tree forest.Tree
	for i := 0; i < v.n; i += 50 {
		if err := s.Tree(i, &tree); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&now)
	peak = max(peak, now.HeapSys-min(before.HeapSys, now.HeapSys))
	runtime.GC()
	runtime.ReadMemStats(&now)
	t.Logf("file of %d MB: the heap grew by %d MB at most, %d KB are kept for %d trees", v.size()>>20, peak>>20, (now.HeapAlloc-min(before.HeapAlloc, now.HeapAlloc))>>10, v.n)
	if peak > memoryLimit {
		t.Errorf("reading a file of %d MB took %d MB of heap, want at most %d MB", v.size()>>20, peak>>20, memoryLimit>>20)
	}
	if got := s.ensemble.Trees[0].Nodes; got != 4095 || len(tree.Left) != 4095 {
		t.Errorf("trees of %d and %d nodes, want 4095", got, len(tree.Left))
	}
}
