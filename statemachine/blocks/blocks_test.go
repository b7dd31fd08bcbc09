package blocks_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/dataset"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/statemachine/blocks"
)

// file is a source in memory that counts what is read.
type file struct {
	data []byte
	read *int64
}

func (f file) Size() int64 { return int64(len(f.data)) }

func (f file) Range(_ context.Context, from, to int64) (io.ReadCloser, error) {
	if f.read != nil {
		*f.read += to - from
	}
	return io.NopCloser(bytes.NewReader(f.data[from:to])), nil
}

// signature is of a text and two numbers, of which the first may be missing.
func signature(missing bool) manifest.Signature {
	return manifest.Signature{Inputs: []manifest.Input{
		{Name: "x", DType: tensor.F32, Shape: []manifest.Dim{{Name: manifest.Batch}, {Size: 2}}, Missing: missing, Features: []manifest.Feature{{Name: "a"}, {Name: "b"}}},
		{Name: "word", DType: tensor.String, Shape: []manifest.Dim{{Name: manifest.Batch}}},
	}}
}

// whole reads a text as predict does.
func whole(t *testing.T, text string, format dataset.Format, o dataset.Options) (tensor.Named, error) {
	t.Helper()
	r, err := dataset.OpenBytes("table", []byte(text), format, signature(true), o)
	if err != nil {
		return nil, err
	}
	return r.Next(1 << 20)
}

// equal compares bits.
func equal(a, b *tensor.Tensor) bool {
	if a.DType() != b.DType() || a.Len() != b.Len() {
		return false
	}
	if a.DType() != tensor.String {
		return bytes.Equal(a.Bytes(), b.Bytes())
	}
	for i := range a.Len() {
		if a.StringAt(i) != b.StringAt(i) {
			return false
		}
	}
	return true
}

// Quoted fields hold commas, quotes and line breaks; blocks of any size put together are what one reading gives.
func TestBlocksOfARandomTextAreTheWholeFile(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	words := []string{"plain", `"with, comma"`, "\"two\nlines\"", `"a ""quote"""`, `""`, "\"\n\n\"", `"ends"""`, "\"\r\n\""}
	for range 200 {
		var text strings.Builder
		end := []string{"\n", "\r\n"}[r.IntN(2)]
		text.WriteString([]string{"", "\xef\xbb\xbf"}[r.IntN(2)] + "word,a,b" + end)
		rows := 1 + r.IntN(30)
		for i := range rows {
			fmt.Fprintf(&text, "%s,%d,%s", words[r.IntN(len(words))], i, []string{"", "1.5", `"2"`}[r.IntN(3)])
			if i < rows-1 || r.IntN(2) == 0 {
				text.WriteString(end)
			}
		}
		want, err := whole(t, text.String(), dataset.CSV, dataset.Options{})
		if err != nil {
			t.Fatal(err)
		}
		size := 1 + r.IntN(rows+2)
		table := &blocks.Table{Name: "table", Format: dataset.CSV, Signature: signature(true), Source: file{data: []byte(text.String())}}
		list, err := table.Index(t.Context(), size)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text.String())
		}
		row := 0
		for i, b := range list {
			got, err := table.Read(t.Context(), b)
			if err != nil {
				t.Fatalf("block %d: %v in\n%s", i, err, text.String())
			}
			if b.Block != i || b.FirstRow != int64(row) || i < len(list)-1 && b.Rows != size {
				t.Fatalf("found block %+v at row %d of blocks of %d", b, row, size)
			}
			for name, part := range got {
				all, err := want[name].Rows(row, row+b.Rows)
				if err != nil || !equal(part, all) {
					t.Fatalf("block %d, %s: wanted %v, found %v, %v in\n%s", i, name, all, part, err, text.String())
				}
			}
			row += b.Rows
		}
		if row != rows {
			t.Fatalf("wanted %d rows, found %d in\n%s", rows, row, text.String())
		}
	}
}

func TestErrorsCountRowsAndLinesFromTheFilesBeginning(t *testing.T) {
	for _, c := range []struct {
		name, text string
		format     dataset.Format
		block      int
		says       []string
	}{
		{"a word in CSV", "a,b,word\n1,2,x\n3,4,y\n5,oops,z\n", dataset.CSV, 1, []string{"line 4", "row 3", `column "b"`, "block 1"}},
		{"a ragged row", "a,b,word\n1,2,\"x\ny\"\n3,4,y\n5\n", dataset.CSV, 1, []string{"line 5 has 1 fields, wanted 3"}},
		{"a blank line", "a,b,word\n1,2,x\n3,4,y\n\n5,6,z\n", dataset.CSV, 1, []string{"line 4 is blank"}},
		{"a word in JSON", `{"a":1,"b":2,"word":"x"}` + "\n" + `{"a":1,"b":2,"word":"x"}` + "\n" + `{"a":1,"b":"oops","word":"x"}` + "\n", dataset.JSONLines, 1, []string{"row 3", "line 3"}},
		{"a missing key", `{"a":1,"b":2,"word":"x"}` + "\n" + `{"a":1,"b":2,"word":"x"}` + "\n" + `{"a":1,"word":"x"}` + "\n", dataset.JSONLines, 1, []string{"row 3", `"b"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			table := &blocks.Table{Name: "s3://in/table", Format: c.format, Signature: signature(true), Source: file{data: []byte(c.text)}}
			list, err := table.Index(t.Context(), 2)
			if err != nil {
				t.Fatal(err)
			}
			for i, b := range list {
				if _, err = table.Read(t.Context(), b); i != c.block && err != nil {
					t.Errorf("block %d: %v", i, err)
				}
				if i != c.block {
					continue
				}
				for _, says := range append(c.says, "s3://in/table") {
					if err == nil || shard.KindOf(err) != shard.BadInput || !strings.Contains(err.Error(), says) {
						t.Errorf("wanted %q, found %v", says, err)
					}
				}
			}
		})
	}
}
