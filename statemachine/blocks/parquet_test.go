package blocks_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/shardwise/shardwise/internal/dataset"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/statemachine"
	"github.com/shardwise/shardwise/statemachine/blocks"
)

type row struct {
	A    float64 `parquet:"a"`
	Word string  `parquet:"word"`
	B    *int32  `parquet:"b,optional"`
}

// parquetOf writes rows in row groups of the given sizes; the last size serves for what is left.
func parquetOf(t testing.TB, rows []row, groups ...int) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := parquet.NewGenericWriter[row](&buf, parquet.PageBufferSize(1<<10))
	for i := 0; len(rows) > 0; i++ {
		n := min(groups[min(i, len(groups)-1)], len(rows))
		if _, err := w.Write(rows[:n]); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		rows = rows[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func numbered(n int) []row {
	var rows []row
	for i := range int32(n) {
		rows = append(rows, row{A: float64(i) / 3, Word: fmt.Sprint("w", i), B: &i})
	}
	return rows
}

// holds checks a block's values against the rows that it should have.
func holds(t *testing.T, in tensor.Named, rows []row) {
	t.Helper()
	if in["x"].Dim(0) != len(rows) {
		t.Fatalf("wanted %d rows, found %d", len(rows), in["x"].Dim(0))
	}
	for i, v := range tensor.Of[float32](in["x"]) {
		r := rows[i/2]
		want := float32(r.A)
		if i%2 == 1 && r.B == nil {
			want = float32(math.NaN())
		} else if i%2 == 1 {
			want = float32(*r.B)
		}
		if v != want && !(v != v && want != want) || in["word"].StringAt(i/2) != r.Word {
			t.Fatalf("row %d: wanted %v and %q, found %v and %q", i/2, want, r.Word, v, in["word"].StringAt(i/2))
		}
	}
}

func TestParquetsBlocksArePutTogetherOfRowGroups(t *testing.T) {
	rows := numbered(1000)
	rows[500].B = nil
	var read int64
	data := parquetOf(t, rows, 100)
	table := &blocks.Table{Name: "table", Format: blocks.Parquet, Signature: signature(true), Source: file{data, &read}}
	list, err := table.Index(t.Context(), 250)
	if err != nil || len(list) != 5 {
		t.Fatalf("found %v, %v", list, err)
	}
	if read >= int64(len(data)) {
		t.Errorf("the index has read %d of %d bytes", read, len(data))
	}
	read = 0
	if _, err := table.Read(t.Context(), list[0]); err != nil || read > int64(len(data))/2 {
		t.Errorf("the first block of five has read %d of %d bytes, %v", read, len(data), err)
	}
	table.Signature = signature(false)
	if _, err := table.Read(t.Context(), list[2]); shard.KindOf(err) != shard.BadInput || !strings.Contains(err.Error(), `row 501, column "b"`) {
		t.Errorf("a missing value where none may be: found %v", err)
	}
}

// Whatever the sizes of row groups and blocks, each block has at most its rows, and all of them are the file's.
func TestBlocksOfRandomRowGroupsAreTheWholeFile(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	for range 30 {
		rows := numbered(1 + random.IntN(900))
		for i := range rows {
			if random.IntN(10) == 0 {
				rows[i].B = nil
			}
		}
		groups := []int{1 + random.IntN(400), 1 + random.IntN(30), 1 + random.IntN(400)}
		size := 1 + random.IntN(300)
		table := &blocks.Table{Name: "table", Format: blocks.Parquet, Signature: signature(true), Source: file{data: parquetOf(t, rows, groups...)}}
		list, err := table.Index(t.Context(), size)
		if err != nil {
			t.Fatal(err)
		}
		at := 0
		for i, b := range list {
			if b.Block != i || b.FirstRow != int64(at) || b.Rows > size || b.Rows < 1 {
				t.Fatalf("found block %+v at row %d of blocks of %d, groups %v", b, at, size, groups)
			}
			in, err := table.Read(t.Context(), b)
			if err != nil {
				t.Fatalf("block %+v: %v", b, err)
			}
			holds(t, in, rows[at:at+b.Rows])
			at += b.Rows
		}
		if at != len(rows) {
			t.Fatalf("wanted %d rows, found %d", len(rows), at)
		}
	}
}

// The files are pyarrow's; testdata/parquet.py says how they were made, and the CSV beside them what is in them.
func TestParquetFilesOfPyArrowHoldWhatTheirCSVHolds(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "pyarrow.csv"))
	if err != nil {
		t.Fatal(err)
	}
	sig := manifest.Signature{Inputs: []manifest.Input{
		{Name: "x", DType: tensor.F32, Shape: []manifest.Dim{{Name: manifest.Batch}, {Size: 4}}, Missing: true,
			Features: []manifest.Feature{{Name: "double"}, {Name: "single"}, {Name: "whole"}, {Name: "flag"}}},
		{Name: "id", DType: tensor.I64, Shape: []manifest.Dim{{Name: manifest.Batch}}},
		{Name: "word", DType: tensor.String, Shape: []manifest.Dim{{Name: manifest.Batch}}},
	}}
	r, err := dataset.OpenBytes("pyarrow.csv", text, dataset.CSV, sig, dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want, err := r.Next(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join("testdata", "*.parquet"))
	if err != nil || len(files) < 4 {
		t.Fatalf("found %v, %v", files, err)
	}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		table := &blocks.Table{Name: path, Format: blocks.Parquet, Signature: sig, Source: file{data: data}}
		for _, size := range []int{1000, 150, 37} {
			list, err := table.Index(t.Context(), size)
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			at := 0
			for _, b := range list {
				in, err := table.Read(t.Context(), b)
				if err != nil {
					t.Fatalf("%s: %v", path, err)
				}
				for name, got := range in {
					all, err := want[name].Rows(at, at+b.Rows)
					if err != nil || !equal(got, all) {
						t.Fatalf("%s, block %+v, %s: wanted %v, found %v", path, b, name, all, got)
					}
				}
				at += b.Rows
			}
			if at != want["id"].Dim(0) {
				t.Errorf("%s: found %d rows", path, at)
			}
		}
	}
}

func TestAParquetFileThatChangedSinceItsIndexIsRefused(t *testing.T) {
	data := parquetOf(t, numbered(100), 50)
	for name, b := range map[string]statemachine.Block{
		"fewer groups": {Rows: 50, FirstGroup: 2, Groups: 1},
		"fewer rows":   {Rows: 60, FirstGroup: 0, Groups: 1},
		"a later row":  {Rows: 20, FirstGroup: 1, Groups: 1, Skip: 40},
	} {
		table := &blocks.Table{Name: "table", Format: blocks.Parquet, Signature: signature(true), Source: file{data: data}}
		if _, err := table.Read(t.Context(), b); shard.KindOf(err) != shard.BadInput || !strings.Contains(err.Error(), "changed") {
			t.Errorf("%s: found %v", name, err)
		}
	}
}
