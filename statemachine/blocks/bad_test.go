package blocks_test

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/shardwise/shardwise/internal/dataset"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/statemachine/blocks"
)

// strict is of two numbers without missing values and one whole number.
func strict() manifest.Signature {
	return manifest.Signature{Inputs: []manifest.Input{
		{Name: "x", DType: tensor.F32, Shape: []manifest.Dim{{Name: manifest.Batch}, {Size: 2}}, Features: []manifest.Feature{{Name: "a"}, {Name: "b"}}},
		{Name: "n", DType: tensor.I64, Shape: []manifest.Dim{{Name: manifest.Batch}}},
	}}
}

// written is a Parquet file of any struct's rows, two in a group.
func written[T any](t *testing.T, rows ...T) string {
	t.Helper()
	var buf bytes.Buffer
	w := parquet.NewGenericWriter[T](&buf)
	for len(rows) > 0 {
		n := min(2, len(rows))
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
	return buf.String()
}

// array is an npy file.
func npy(t *testing.T, dtype tensor.DType, dims ...int) string {
	t.Helper()
	out := manifest.Output{Name: "x", DType: dtype}
	for _, d := range dims {
		out.Shape = append(out.Shape, manifest.Dim{Size: d})
	}
	out.Shape[0] = manifest.Dim{Name: manifest.Batch}
	var buf bytes.Buffer
	if err := dataset.Encode(&buf, "x", dataset.NPY, []manifest.Output{out}, tensor.Named{"x": tensor.New(dtype, dims...)}); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

// single is of one array.
func single() manifest.Signature {
	s := strict()
	s.Inputs = s.Inputs[:1]
	return s
}

type whole3 struct {
	A float64 `parquet:"a"`
	B float64 `parquet:"b"`
	N float64 `parquet:"n"`
}

type twoColumns struct {
	A float64 `parquet:"a"`
	B float64 `parquet:"b"`
}

type fourColumns struct {
	A float64 `parquet:"a"`
	B float64 `parquet:"b"`
	N int64   `parquet:"n"`
	C int64   `parquet:"c"`
}

type optional struct {
	A *float64 `parquet:"a,optional"`
	B float64  `parquet:"b"`
	N int64    `parquet:"n"`
}

type texts struct {
	A string  `parquet:"a"`
	B float64 `parquet:"b"`
	N int64   `parquet:"n"`
}

type nested struct {
	A []float64 `parquet:"a"`
	B float64   `parquet:"b"`
	N int64     `parquet:"n"`
}

// What is wrong with a whole table is told before there is any block.
func TestATableThatIsNotRightHasNoIndex(t *testing.T) {
	one := 1.0
	for _, c := range []struct {
		name, data string
		format     dataset.Format
		sig        manifest.Signature
		says       string
	}{
		{"empty CSV", "", dataset.CSV, strict(), "empty"},
		{"empty JSON Lines", "", dataset.JSONLines, strict(), "empty"},
		{"empty npy", "", dataset.NPY, single(), "empty"},
		{"empty Parquet", "", blocks.Parquet, strict(), "empty"},
		{"CSV of names", "a,b,n\n", dataset.CSV, strict(), "no rows"},
		{"JSON Lines of blanks", "\n\n", dataset.JSONLines, strict(), "no rows"},
		{"npy without rows", npy(t, tensor.F32, 0, 2), dataset.NPY, single(), "no rows"},
		{"Parquet without rows", written[whole3](t), blocks.Parquet, strict(), "no rows"},
		{"CSV without a column", "a,b\n1,2\n", dataset.CSV, strict(), `"n"`},
		{"CSV with a column more", "a,b,n,c\n1,2,3,4\n", dataset.CSV, strict(), `"c"`},
		{"Parquet without a column", written(t, twoColumns{}), blocks.Parquet, strict(), `"n"`},
		{"Parquet with a column more", written(t, fourColumns{}), blocks.Parquet, strict(), `"c"`},
		{"Parquet of lists", written(t, nested{A: []float64{1}}), blocks.Parquet, strict(), "nested or repeated"},
		{"npy of another shape", npy(t, tensor.F32, 4, 3), dataset.NPY, single(), "its shape is [4, 3], wanted [batch 2]"},
		{"npy of another type", npy(t, tensor.I64, 4, 2), dataset.NPY, single(), "its dtype is I64, wanted F32"},
		{"npy cut short", npy(t, tensor.F32, 4, 2)[:150], dataset.NPY, single(), "truncated"},
		{"npy of something else", "a,b\n1,2\n", dataset.NPY, single(), "npy"},
		{"Parquet cut short", written(t, optional{A: &one})[:60], blocks.Parquet, strict(), "parquet"},
		{"Parquet of something else", "a,b,n\n1,2,3\n", blocks.Parquet, strict(), "parquet"},
	} {
		t.Run(c.name, func(t *testing.T) {
			table := &blocks.Table{Name: "s3://in/table", Format: c.format, Signature: c.sig, Source: file{data: []byte(c.data)}}
			list, err := table.Index(t.Context(), 2)
			if shard.KindOf(err) != shard.BadInput || !strings.Contains(err.Error(), "s3://in/table") || !strings.Contains(err.Error(), c.says) {
				t.Errorf("wanted %q, found %d blocks and %v", c.says, len(list), err)
			}
		})
	}
}

// What is wrong with a row is told with file, block and row, and the other blocks can be read.
func TestABadRowSpoilsItsBlockOnly(t *testing.T) {
	one := 1.0
	fine, nan := whole3{1, 2, 3}, math.NaN()
	line := `{"a":1,"b":2,"n":3}` + "\n"
	for _, c := range []struct {
		name, data string
		format     dataset.Format
		says       string
	}{
		{"CSV, ragged", "a,b,n\n1,2,3\n1,2,3\n1,2\n1,2,3\n1,2,3\n", dataset.CSV, "line 4 has 2 fields, wanted 3"},
		{"CSV, a word", "a,b,n\n1,2,3\n1,2,3\n1,x,3\n1,2,3\n1,2,3\n", dataset.CSV, `row 3, column "b"`},
		{"CSV, no value", "a,b,n\n1,2,3\n1,2,3\n1,,3\n1,2,3\n1,2,3\n", dataset.CSV, `row 3, column "b"`},
		{"CSV, NaN as a whole number", "a,b,n\n1,2,3\n1,2,3\n1,2,nan\n1,2,3\n1,2,3\n", dataset.CSV, `row 3, column "n"`},
		{"CSV, a fraction as a whole number", "a,b,n\n1,2,3\n1,2,3\n1,2,3.5\n1,2,3\n1,2,3\n", dataset.CSV, `row 3, column "n"`},
		{"CSV, too large", "a,b,n\n1,2,3\n1,2,3\n1e300,2,3\n1,2,3\n1,2,3\n", dataset.CSV, `row 3, column "a"`},
		{"JSON Lines, a missing key", line + line + `{"a":1,"n":3}` + "\n" + line + line, dataset.JSONLines, `row 3`},
		{"JSON Lines, a foreign key", line + line + `{"a":1,"b":2,"n":3,"c":4}` + "\n" + line + line, dataset.JSONLines, `row 3`},
		{"JSON Lines, null", line + line + `{"a":null,"b":2,"n":3}` + "\n" + line + line, dataset.JSONLines, `row 3`},
		{"JSON Lines, NaN as a whole number", line + line + `{"a":1,"b":2,"n":NaN}` + "\n" + line + line, dataset.JSONLines, `row 3`},
		{"JSON Lines, a text", line + line + `{"a":"x","b":2,"n":3}` + "\n" + line + line, dataset.JSONLines, `row 3`},
		{"JSON Lines, two rows on a line", line + line + line[:len(line)-1] + " " + line + line + line, dataset.JSONLines, `row 4 (line 3): there is more than one row on this line`},
		{"JSON Lines, four rows on a line", line + line + strings.Repeat(line[:len(line)-1], 4) + "\n" + line + line, dataset.JSONLines, `row 4 (line 3): there is more than one row on this line`},
		{"JSON Lines, two rows on the block's last line", line + line + line + strings.Repeat(line[:len(line)-1], 2) + "\n" + line, dataset.JSONLines, `row 5 (line 4): there is more than one row on this line`},
		{"JSON Lines, a row over two lines", line + line + "{\"a\":1,\n\"b\":2,\"n\":3}\n" + line, dataset.JSONLines, `row 3 (line 3): it does not end in its line: wanted one row on each line`},
		{"JSON Lines, two lines of two rows", line + line + "{\"a\":1,\n\"b\":2,\"n\":3}" + line + line, dataset.JSONLines, `row 3 (line 3): it does not end in its line`},
		{"JSON Lines, not JSON", line + line + "{\n" + line + line, dataset.JSONLines, `row 3`},
		{"Parquet, NaN as a whole number", written(t, fine, fine, whole3{1, 2, nan}, fine, fine), blocks.Parquet, `row 3, column "n"`},
		{"Parquet, a fraction as a whole number", written(t, fine, fine, whole3{1, 2, 3.5}, fine, fine), blocks.Parquet, `row 3, column "n"`},
		{"Parquet, too large", written(t, fine, fine, whole3{1e300, 2, 3}, fine, fine), blocks.Parquet, `row 3, column "a"`},
		{"Parquet, null", written(t, optional{&one, 2, 3}, optional{&one, 2, 3}, optional{nil, 2, 3}, optional{&one, 2, 3}), blocks.Parquet, `row 3, column "a"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			table := &blocks.Table{Name: "s3://in/table", Format: c.format, Signature: strict(), Source: file{data: []byte(c.data)}}
			list, err := table.Index(t.Context(), 2)
			if err != nil {
				t.Fatal(err)
			}
			for i, b := range list {
				in, err := table.Read(t.Context(), b)
				if i != 1 {
					if err != nil || in["n"].Dim(0) != b.Rows {
						t.Errorf("block %d: found %v, %v", i, in, err)
					}
					continue
				}
				for _, says := range []string{"s3://in/table", "block 1", "rows 3 to 4", c.says} {
					if shard.KindOf(err) != shard.BadInput || !strings.Contains(err.Error(), says) {
						t.Errorf("wanted %q, found %v", says, err)
					}
				}
			}
		})
	}
	table := &blocks.Table{Name: "table", Format: blocks.Parquet, Signature: strict(), Source: file{data: []byte(written(t, texts{A: "x"}))}}
	list, err := table.Index(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := table.Read(t.Context(), list[0]); shard.KindOf(err) != shard.BadInput || !strings.Contains(err.Error(), `row 1, column "a": wanted a number`) {
		t.Errorf("texts as numbers: found %v", err)
	}
}

// A file whose lines are no longer where they were is refused by every block that would begin or end within one: a number that lost its first
// digits is a number.
func TestAFileWhoseLinesHaveMovedIsRefused(t *testing.T) {
	for format, text := range map[dataset.Format]string{
		dataset.CSV:       "a,b,n\n" + strings.Repeat("111,222,333\n", 9),
		dataset.JSONLines: strings.Repeat(`{"a":111,"b":222,"n":333}`+"\n", 9),
	} {
		source := file{data: []byte(text)}
		table := &blocks.Table{Name: "table", Format: format, Signature: strict(), Source: source}
		list, err := table.Index(t.Context(), 3)
		if err != nil {
			t.Fatal(err)
		}
		for at := range len(text) - 60 {
			moved := text[:at] + " " + text[at:] // one byte more, somewhere
			table.Source = file{data: []byte(moved)}
			for _, b := range list {
				in, err := table.Read(t.Context(), b)
				if int64(at) >= b.To || int64(at) >= b.From && err != nil {
					continue
				}
				if shard.KindOf(err) != shard.BadInput {
					t.Fatalf("%s, a byte more at %d, block %d: found %v, %v", format, at, b.Block, in, err)
				}
			}
		}
	}
}

// A text's blocks are bounded in bytes as well: rows that are too many bytes make smaller blocks, and one that is too many alone spoils its own.
func TestLongRowsMakeSmallerBlocks(t *testing.T) {
	wide := "1," + strings.Repeat(" ", 30<<20) + "2,3\n"
	text := "a,b,n\n1,2,3\n1,2,3\n" + wide + wide + wide + "1,2,3\n1," + strings.Repeat("2", 65<<20) + ",3\n1,2,3\n"
	table := &blocks.Table{Name: "table", Format: dataset.CSV, Signature: strict(), Source: file{data: []byte(text)}}
	list, err := table.Index(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	var rows []int
	row := int64(0)
	for _, b := range list {
		if b.FirstRow != row {
			t.Errorf("block %d begins with row %d, wanted %d", b.Block, b.FirstRow, row)
		}
		rows, row = append(rows, b.Rows), row+int64(b.Rows)
		if size := b.To - b.From; size > 1000 && size <= 64<<20 {
			continue // takes long to read
		}
		_, err := table.Read(t.Context(), b)
		if long := b.To-b.From > 64<<20; long != (err != nil) || long && (shard.KindOf(err) != shard.BadInput || !strings.Contains(err.Error(), "row 7 (line 8) has") || b.Rows != 1) {
			t.Errorf("block %+v: found %v", b, err)
		}
	}
	if !slices.Equal(rows, []int{4, 2, 1, 1}) {
		t.Errorf("found blocks of %v rows", rows)
	}
}
