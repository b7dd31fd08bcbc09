package shardfile

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/tensor"
)

func one(name string) []Declared {
	return []Declared{{Name: name, DType: tensor.U8, Shape: tensor.Shape{4}}}
}

func TestNewWriterRefuses(t *testing.T) {
	origin := func(o Origin) []Declared {
		d := one("x")
		d[0].Origin = &o
		return d
	}
	for name, c := range map[string]struct {
		decl []Declared
		meta map[string]string
		want string
	}{
		"empty name":       {one(""), nil, "empty or reserved"},
		"pad's name":       {one("__pad.0"), nil, "reserved"},
		"table's name":     {one("__crc32c"), nil, "reserved"},
		"metadata's name":  {one("__metadata__"), nil, "reserved"},
		"bad utf-8":        {one("\xff"), nil, "UTF-8"},
		"twice":            {append(one("x"), one("x")...), nil, "twice"},
		"strings":          {[]Declared{{Name: "x", DType: tensor.String}}, nil, "dtype STRING"},
		"no dtype":         {[]Declared{{Name: "x"}}, nil, "dtype"},
		"negative":         {[]Declared{{Name: "x", DType: tensor.U8, Shape: tensor.Shape{-1}}}, nil, "negative"},
		"huge":             {[]Declared{{Name: "x", DType: tensor.F64, Shape: tensor.Shape{1 << 58}}}, nil, "too many bytes"},
		"huge together":    {[]Declared{{Name: "x", DType: tensor.U8, Shape: tensor.Shape{1 << 60}}, {Name: "y", DType: tensor.U8, Shape: tensor.Shape{1 << 60}}}, nil, "does not fit"},
		"rank":             {[]Declared{{Name: "x", DType: tensor.U8, Shape: make(tensor.Shape, 33)}}, nil, "33 dimensions"},
		"metadata clash":   {one("x"), map[string]string{"x": ""}, "name of a tensor"},
		"origin outside":   {origin(Origin{Of: "w", Stop: 5, Shape: tensor.Shape{4}}), nil, "does not lie"},
		"origin reversed":  {origin(Origin{Of: "w", Start: 2, Stop: 1, Shape: tensor.Shape{4}}), nil, "does not lie"},
		"origin dimension": {origin(Origin{Of: "w", Dim: 1, Stop: 1, Shape: tensor.Shape{4}}), nil, "does not lie"},
		"origin unnamed":   {origin(Origin{Stop: 1, Shape: tensor.Shape{4}}), nil, "does not lie"},
	} {
		if _, err := NewWriter(io.Discard, c.decl, c.meta); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}

func TestWriterEnforcesDeclaredSizes(t *testing.T) {
	flags := []Declared{{Name: "x", DType: tensor.Bool, Shape: tensor.Shape{4}}}
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		decl  []Declared
		write func(io.Writer) error
		want  string
	}{
		"too few": {one("x"), func(w io.Writer) error { _, err := w.Write([]byte{1, 2, 3}); return err }, "1 of 4 bytes are missing"},
		"too many, error dropped": {one("x"), func(w io.Writer) error {
			_, _ = w.Write(make([]byte, 5))
			return nil
		}, "more than the declared 4"},
		"no bool":  {flags, func(w io.Writer) error { _, err := w.Write([]byte{0, 1, 2, 0}); return err }, "no bool"},
		"callback": {one("x"), func(io.Writer) error { return boom }, "boom"},
	} {
		w, err := NewWriter(io.Discard, c.decl, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = w.WriteTensor(c.write)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
		if _, again := w.Close(); again == nil || again.Error() != err.Error() {
			t.Errorf("%s: Close gives %v after %v", name, again, err)
		}
	}
}

func TestWriterCountsTensors(t *testing.T) {
	w, err := NewWriter(io.Discard, one("x"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(); err == nil || !strings.Contains(err.Error(), "1 of 1 declared") {
		t.Fatal(err)
	}
	if w, err = NewWriter(io.Discard, nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.WriteTensor(func(io.Writer) error { return nil }); err == nil {
		t.Fatal("an undeclared tensor is accepted")
	}
	if w, err = NewWriter(io.Discard, nil, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(); err == nil {
		t.Fatal("a second Close succeeds")
	}
}

// failing accepts left bytes and then no more.
type failing struct{ left int }

func (f *failing) Write(b []byte) (int, error) {
	n := min(len(b), f.left)
	f.left -= n
	if n < len(b) {
		return n, errors.New("disk full")
	}
	return n, nil
}

func TestWriterReportsAFullDiskWhereverItStrikes(t *testing.T) {
	decl := []Declared{{Name: "x", DType: tensor.U8, Shape: tensor.Shape{5}}, {Name: "y", DType: tensor.U8, Shape: tensor.Shape{70}}}
	write := func(out io.Writer) error {
		w, err := NewWriter(out, decl, nil)
		if err != nil {
			return err
		}
		for _, d := range decl {
			if err := w.WriteTensor(func(out io.Writer) error { _, err := out.Write(make([]byte, d.Shape[0])); return err }); err != nil {
				return err
			}
		}
		_, err = w.Close()
		return err
	}
	const size = 4096 + 64 + 128 + 4
	for left := range size {
		if err := write(&failing{left}); err == nil || !strings.Contains(err.Error(), "disk full") {
			t.Fatalf("room for %d bytes: %v", left, err)
		}
	}
	if err := write(&failing{size}); err != nil {
		t.Fatal(err)
	}
}

func TestOffsetsAreWhereTensorsBegin(t *testing.T) {
	b := build(t, 8, declared(), map[string]string{"k": "v"})
	offsets, err := Offsets(b.decl, map[string]string{"k": "v"})
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range b.decl {
		if at, n := int(offsets[i]), len(b.bytes[d.Name]); at%64 != 0 || !bytes.Equal(b.file[at:at+n], b.bytes[d.Name]) {
			t.Errorf("%q does not lie at %d", d.Name, at)
		}
	}
	if _, err := Offsets(one("__pad.1"), nil); err == nil {
		t.Error("a reserved name is accepted")
	}
}
