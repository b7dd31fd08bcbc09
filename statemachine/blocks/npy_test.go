package blocks_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shardwise/shardwise/internal/dataset"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/statemachine"
	"github.com/shardwise/shardwise/statemachine/blocks"
)

// columns is an array of 32-bit whole numbers in Fortran's order, element i of row r being i + 1000 r; of the shape behind rows.
func columns(rows int, dims ...int) (string, manifest.Signature) {
	sig := manifest.Signature{Inputs: []manifest.Input{{Name: "x", DType: tensor.I32, Shape: []manifest.Dim{{Name: manifest.Batch}}}}}
	shape, width := fmt.Sprint(rows, ","), 1
	for _, d := range dims {
		sig.Inputs[0].Shape = append(sig.Inputs[0].Shape, manifest.Dim{Size: d})
		shape += fmt.Sprint(d, ",")
		width *= d
	}
	text := fmt.Sprintf("{'descr': '<i4', 'fortran_order': True, 'shape': (%s), }\n", shape)
	data := append([]byte("\x93NUMPY\x01\x00"), byte(len(text)), 0)
	data = append(data, text...)
	for j := range width {
		at, left := 0, j // j counts the first dimension fastest, at the last
		stride := width
		for _, d := range dims {
			stride /= d
			at, left = at+left%d*stride, left/d
		}
		for r := range rows {
			data = binary.LittleEndian.AppendUint32(data, uint32(at+1000*r))
		}
	}
	return string(data), sig
}

func TestBlocksOfAnArrayInFortranOrderAreTheWholeFile(t *testing.T) {
	for _, dims := range [][]int{{1}, {2}, {5}, {2, 3}, {3, 2, 2}, {1, 4}} {
		text, sig := columns(11, dims...)
		want := likeWhole(t, text, dataset.NPY, sig, 11)
		for i, v := range tensor.Of[int32](want["x"]) {
			if width := want["x"].Len() / 11; int(v) != i%width+1000*(i/width) {
				t.Fatalf("%v: element %d is %d", dims, i, v)
			}
		}
	}
	// NumPy's own file, by np.save(f, np.asfortranarray(np.arange(42, dtype="i4").reshape(7, 2, 3) * 3 - 50)).
	text, err := os.ReadFile(filepath.Join("testdata", "fortran.npy"))
	if err != nil {
		t.Fatal(err)
	}
	_, sig := columns(7, 2, 3)
	for i, v := range tensor.Of[int32](likeWhole(t, string(text), dataset.NPY, sig, 7)["x"]) {
		if int(v) != 3*i-50 {
			t.Errorf("element %d is %d", i, v)
		}
	}
}

// ranges is a source that makes a file of columns as it is read, and counts.
type ranges struct {
	head        string
	rows, width int64
	reads       atomic.Int64
	bytes       atomic.Int64
}

func (f *ranges) Size() int64 { return int64(len(f.head)) + 4*f.rows*f.width }

func (f *ranges) Range(_ context.Context, from, to int64) (io.ReadCloser, error) {
	f.reads.Add(1)
	f.bytes.Add(to - from)
	return io.NopCloser(io.NewSectionReader(f, from, to-from)), nil
}

func (f *ranges) ReadAt(b []byte, at int64) (int, error) {
	for i := range b {
		if p := at + int64(i); p < int64(len(f.head)) {
			b[i] = f.head[p]
		} else {
			p -= int64(len(f.head))
			element := p / 4
			b[i] = byte(uint32(element/f.rows+f.width*(element%f.rows)) >> (8 * (p % 4)))
		}
	}
	return len(b), nil
}

// virtual is a file of so many rows and columns that nobody holds in memory.
func virtual(rows, width int64) (*ranges, *blocks.Table) {
	text := fmt.Sprintf("{'descr': '<i4', 'fortran_order': True, 'shape': (%d, %d), }\n", rows, width)
	f := &ranges{head: "\x93NUMPY\x01\x00" + string([]byte{byte(len(text)), 0}) + text, rows: rows, width: width}
	_, sig := columns(1, int(width))
	return f, &blocks.Table{Name: "table", Format: dataset.NPY, Signature: sig, Source: f}
}

// A block of columns is read in few requests and few bytes more than its own, whatever the shape.
func TestABlockOfColumnsIsReadInFewRequests(t *testing.T) {
	for _, c := range []struct {
		rows, width  int64
		block        int
		reads, bytes int64 // of one block, at most; bytes in times of its own
	}{
		{1_000_000, 64, 1000, 64, 1},    // far apart: one request each
		{1500, 100, 1000, 1, 6},         // near: one request
		{400, 4097, 60, 1, 8},           // as many as there may be, near enough
		{200_000, 4096, 20, 4096, 1},    // as many as there may be, far apart
		{90, 5000, 30, 1, 3},            // more than there may be, near
		{4_000_000, 2, 1000, 2, 1},      // two columns
		{1000, 300, 1000, 1, 1},         // all rows in one block
		{30_000_000, 20, 10_000, 20, 1}, // 2.4 GB
	} {
		t.Run(fmt.Sprint(c.rows, "x", c.width, " in ", c.block), func(t *testing.T) {
			f, table := virtual(c.rows, c.width)
			list, err := table.Index(t.Context(), c.block)
			if err != nil || int64(len(list)) != (c.rows+int64(c.block)-1)/int64(c.block) {
				t.Fatalf("found %d blocks, %v", len(list), err)
			}
			b := list[len(list)/2]
			f.reads.Store(0)
			f.bytes.Store(0)
			in, err := table.Read(t.Context(), b)
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range tensor.Of[int32](in["x"]) {
				if want := int32(int64(i) + b.FirstRow*c.width); v != want {
					t.Fatalf("element %d is %d, wanted %d", i, v, want)
				}
			}
			own := int64(b.Rows) * c.width * 4
			if reads, bytes := f.reads.Load()-1, f.bytes.Load()-int64(len(f.head)); reads > c.reads || bytes > c.bytes*own {
				t.Errorf("%d requests for %d bytes, wanted %d for %d times %d", reads, bytes, c.reads, c.bytes, own)
			}
		})
	}
}

func TestWhatCannotBeReadOfColumnsTeaches(t *testing.T) {
	_, table := virtual(1_000_000, 150_000)
	if _, err := table.Index(t.Context(), 100); shard.KindOf(err) != shard.BadInput || !strings.Contains(err.Error(), "numpy.ascontiguousarray") || !strings.Contains(err.Error(), "--block-rows") {
		t.Errorf("very many columns, far apart: found %v", err)
	}
	f, table := virtual(1000, 5)
	list, err := table.Index(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	f.rows++ // with a head that says otherwise
	if _, err := table.Read(t.Context(), list[3]); shard.KindOf(err) != shard.BadInput || !strings.Contains(err.Error(), "block 3") {
		t.Errorf("another size: found %v", err)
	}
	other, _ := virtual(900, 5)
	table.Source = other
	for _, b := range []statemachine.Block{list[3], list[9]} {
		if _, err := table.Read(t.Context(), b); shard.KindOf(err) != shard.BadInput || !strings.Contains(err.Error(), fmt.Sprintf("block %d", b.Block)) {
			t.Errorf("block %d of another file: found %v", b.Block, err)
		}
	}
}

// Both orders of one array give the same blocks.
func TestBothOrdersOfAnArrayGiveTheSameBlocks(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 40 {
		rows, dims := 1+random.IntN(25), make([]int, 1+random.IntN(3))
		for i := range dims {
			dims[i] = 1 + random.IntN(5)
		}
		text, sig := columns(rows, dims...)
		likeWhole(t, text, dataset.NPY, sig, rows)
	}
}
