package blocks_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/dataset"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/statemachine/blocks"
)

const mostBlocks = 500

// readAll indexes a table and reads its blocks; ok is false when it is refused, as bad input and nothing else.
func readAll(t *testing.T, table *blocks.Table, size int) (rows int, ok bool) {
	t.Helper()
	list, err := table.Index(t.Context(), size)
	if len(list) > mostBlocks {
		t.Skip("a few bytes can stand for very many rows, and reading them takes long")
	}
	for _, b := range list {
		if err != nil {
			break
		}
		if b.FirstRow != int64(rows) || b.Rows < 1 || b.Rows > size {
			t.Fatalf("found block %+v at row %d of blocks of %d", b, rows, size)
		}
		in, readErr := table.Read(t.Context(), b)
		if err = readErr; err == nil {
			rows += in["x"].Dim(0)
		}
	}
	if err != nil && shard.KindOf(err) != shard.BadInput {
		t.Fatalf("kind %v: %v", shard.KindOf(err), err)
	}
	return rows, err == nil
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte("a,b,word\n1,2,x\n"), uint8(1), false)
	f.Add([]byte("a,b,word\n1,2,\"x\n\"\"\"\n\n3,4,\n"), uint8(1), false)
	f.Add([]byte(`{"a":1,"b":2,"word":"x"}`), uint8(1), true)
	f.Fuzz(func(t *testing.T, data []byte, size uint8, lines bool) {
		table := &blocks.Table{Name: "table", Format: dataset.CSV, Signature: signature(true), Source: file{data: data}}
		if lines {
			table.Format = dataset.JSONLines
		}
		rows, ok := readAll(t, table, int(size)+1)
		if !ok {
			return
		}
		if all, err := whole(t, string(data), table.Format, dataset.Options{}); err == nil && all["x"].Dim(0) != rows {
			t.Errorf("blocks have %d rows, the file %d", rows, all["x"].Dim(0))
		}
	})
}

func FuzzNPY(f *testing.F) {
	header := "\x93NUMPY\x01\x00\x46\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }           \n"
	f.Add([]byte(header+"0123456789abcdef"), uint8(0))
	f.Add([]byte("\x93NUMPY\x01\x00\x46\x00{'descr': '<f8', 'fortran_order': False, 'shape': (9223372036854775807, 2), }\n"), uint8(7))
	f.Add([]byte("\x93NUMPY\x02\x00\x46\x00\x00\x00{'descr': '>f4', 'fortran_order': True, 'shape': (1, 2), }            \n01234567"), uint8(7))
	f.Add([]byte("\x93NUMPY\x01\x00\x46\x00{'descr': '<f4', 'fortran_order': True, 'shape': (3, 2), }            \n0123456701234567abcdefgh"), uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, size uint8) {
		table := &blocks.Table{Name: "table", Format: dataset.NPY, Signature: single(), Source: file{data: data}}
		rows, ok := readAll(t, table, int(size)+1)
		if !ok {
			return
		}
		r, err := dataset.OpenBytes("table", data, dataset.NPY, single(), dataset.Options{})
		if err != nil {
			t.Fatalf("blocks have %d rows of a file that is refused: %v", rows, err)
		}
		if n, known := r.Rows(); !known || n != int64(rows) {
			t.Errorf("blocks have %d rows, the file %d", rows, n)
		}
	})
}

// longFooter makes a file say that its footer has as many bytes as can be said.
func longFooter(file []byte) []byte {
	file = bytes.Clone(file)
	binary.LittleEndian.PutUint32(file[len(file)-8:], math.MaxUint32)
	return file
}

// A footer that is longer than its file is refused before there is room made for it.
func TestALongFooterIsRefusedWithoutItsMemory(t *testing.T) {
	table := &blocks.Table{Name: "table", Format: blocks.Parquet, Signature: signature(true), Source: file{data: longFooter(parquetOf(t, numbered(9), 4))}}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := table.Index(t.Context(), 4)
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; shard.KindOf(err) != shard.BadInput || !strings.Contains(err.Error(), "4294967295 bytes by the file's end") || took > 16<<20 {
		t.Errorf("found %v, %d bytes", err, took)
	}
}

func FuzzParquet(f *testing.F) {
	f.Add(parquetOf(f, numbered(9), 4), uint8(3))
	f.Add(parquetOf(f, numbered(60), 60), uint8(9))
	small, err := os.ReadFile(filepath.Join("testdata", "small.parq"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(small, uint8(1))
	f.Add(longFooter(parquetOf(f, numbered(9), 4)), uint8(3))
	f.Fuzz(func(t *testing.T, data []byte, size uint8) {
		table := &blocks.Table{Name: "table", Format: blocks.Parquet, Signature: signature(true), Source: file{data: data}}
		rows, ok := readAll(t, table, int(size)+1)
		if again, okAgain := readAll(t, table, 2*int(size)+2); ok != okAgain || ok && again != rows {
			t.Errorf("blocks of %d have %d rows (%t), those of twice as many %d (%t)", int(size)+1, rows, ok, again, okAgain)
		}
	})
}
