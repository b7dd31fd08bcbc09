package blocks_test

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/shardwise/shardwise/internal/dataset"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/statemachine/blocks"
)

// likeWhole holds blocks of every size against one reading of the whole file.
func likeWhole(t *testing.T, text string, format dataset.Format, sig manifest.Signature, rows int) tensor.Named {
	t.Helper()
	r, err := dataset.OpenBytes("table", []byte(text), format, sig, dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want, err := r.Next(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	table := &blocks.Table{Name: "table", Format: format, Signature: sig, Source: file{data: []byte(text)}}
	for size := 1; size <= rows+1; size++ {
		list, err := table.Index(t.Context(), size)
		if err != nil {
			t.Fatal(err)
		}
		row := 0
		for _, b := range list {
			got, err := table.Read(t.Context(), b)
			if err != nil {
				t.Fatalf("blocks of %d: %v", size, err)
			}
			for name, part := range got {
				if all, err := want[name].Rows(row, row+b.Rows); err != nil || !equal(part, all) {
					t.Errorf("blocks of %d, %s at row %d: wanted %v, found %v, %v", size, name, row, all, part, err)
				}
			}
			row += b.Rows
		}
		if row != rows {
			t.Errorf("blocks of %d have %d rows, wanted %d", size, row, rows)
		}
	}
	return want
}

// Lines of JSON's white space are no rows, wherever they stand.
func TestLinesOfWhiteSpaceAreNoRowsOfJSON(t *testing.T) {
	likeWhole(t, "\n \t\n"+`{"a":1,"b":2,"word":"x"}`+"\r\n  \r\n\n"+`{"a":3,"b":4,"word":"y"}`+"\n   \n"+
		` {"a":5,"b":6,"word":"z"} `+"\n\n  ", dataset.JSONLines, signature(true), 3)
}

// Blocks of a file in the other byte order keep that order in their heads.
func TestBlocksOfABigEndianArrayAreTheWholeFile(t *testing.T) {
	text := []byte(npy(t, tensor.F32, 5, 2))
	for at := range text {
		if string(text[at:at+3]) == "'<f" {
			text[at+1] = '>'
			break
		}
	}
	for i := range 10 {
		binary.BigEndian.PutUint32(text[len(text)-40+4*i:], math.Float32bits(float32(i)+0.5))
	}
	want := likeWhole(t, string(text), dataset.NPY, single(), 5)
	for _, x := range want {
		if got := tensor.Of[float32](x); got[3] != 3.5 {
			t.Errorf("found %v", got)
		}
	}
}
