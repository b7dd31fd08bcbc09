// Package parts writes weights files: which part of which weight of the model a file holds, under which name, and its bytes, copied
// by range from where the model keeps them. It never holds a weight. The splitter's partitioners call it.
package parts

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/shardfile"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/layout"
)

// inlineBytes is the size up to which a constant that is not cut stands in the program itself.
const inlineBytes = 1024

// Part is a slice of a weight along dimension Dim, which is [Outer, extent], row-major: of each of the Outer blocks the elements
// [Lo, Hi). An Outer of 0 counts as 1.
type Part struct {
	W             *graph.Weight
	Dim           int
	Outer, Lo, Hi int
}

// Whole is all of a weight.
func Whole(w *graph.Weight) Part {
	if len(w.Shape) == 0 {
		return Part{W: w}
	}
	return Part{W: w, Hi: w.Shape[0]}
}

// Shape is the part's own shape.
func (p Part) Shape() tensor.Shape {
	s := p.W.Shape.Clone()
	if len(s) > 0 {
		s[p.Dim] = max(p.Outer, 1) * (p.Hi - p.Lo)
	}
	return s
}

// Bytes is the part's size.
func (p Part) Bytes() int64 {
	n, err := p.Shape().Elements()
	if err != nil {
		return 0
	}
	return int64(n) * int64(p.W.DType.Size())
}

// key tells parts apart; all of a weight has one key, however it is written.
func (p Part) key() string {
	if p.Shape().Equal(p.W.Shape) {
		p = Whole(p.W)
	}
	return fmt.Sprintf("%s\x00%d\x00%d\x00%d\x00%d", p.W.Name, p.Dim, max(p.Outer, 1), p.Lo, p.Hi)
}

// File gathers what one weights file holds: each part once, under a name that is unique in the file.
type File struct {
	path  string
	read  func(*graph.Weight) (io.ReaderAt, error)
	parts []Part
	names map[string]string // key -> tensor name
	taken map[string]bool
}

// New begins a file at the path, whose weights' row-major little-endian bytes read gives.
func New(path string, read func(*graph.Weight) (io.ReaderAt, error)) *File {
	return &File{path: path, read: read, names: map[string]string{}, taken: map[string]bool{}}
}

// Add enters the part and returns its name: the weight's own, with a number where the file holds several parts of it.
func (f *File) Add(p Part) string {
	if name, ok := f.names[p.key()]; ok {
		return name
	}
	name := p.W.Name
	if strings.HasPrefix(name, "__") {
		name = "w/" + name // such names are reserved in weights files
	}
	for i := 2; f.taken[name]; i++ {
		name = fmt.Sprintf("%s#%d", p.W.Name, i)
	}
	f.names[p.key()], f.taken[name] = name, true
	f.parts = append(f.parts, p)
	return name
}

// Use makes a part a weight of the program and returns its value name. Small constants that are not cut stand in the
// program itself; the others get their place when the file is complete.
func (f *File) Use(g *graph.Graph, p Part) string {
	if Inline(p.W) && len(p.Shape()) == len(p.W.Shape) && p.Shape().Equal(p.W.Shape) {
		g.Weights[p.W.Name] = p.W
		return p.W.Name
	}
	name := f.Add(p)
	g.Weights[name] = &graph.Weight{Name: name, DType: p.W.DType, Shape: p.Shape(), Location: f.path}
	return name
}

// Inline reports whether a weight stands in programs themselves rather than in a weights file, when it is not cut.
func Inline(w *graph.Weight) bool {
	return w.DType == tensor.String || w.Data != nil && len(w.Data) <= inlineBytes
}

// declared lists the file's tensors with their origins.
func (f *File) declared() []shardfile.Declared {
	var out []shardfile.Declared
	for _, p := range f.parts {
		out = append(out, shardfile.Declared{Name: f.names[p.key()], DType: p.W.DType, Shape: p.Shape(),
			Origin: &shardfile.Origin{Of: p.W.Name, Dim: p.Dim, Outer: p.Outer, Start: p.Lo, Stop: p.Hi, Shape: p.W.Shape}})
	}
	return out
}

// Bytes is the size of the file's tensors.
func (f *File) Bytes() int64 {
	var total int64
	for _, p := range f.parts {
		total += p.Bytes()
	}
	return total
}

// Empty reports whether the file has no tensors; it is not written then.
func (f *File) Empty() bool { return len(f.parts) == 0 }

// Recipe is the file for the writer, of the shard or layout.CoordinatorFile.
func (f *File) Recipe(shard int) layout.File {
	return layout.File{Shard: shard, Role: "weights", Path: f.path, Weights: &layout.Weights{Tensors: f.declared(), Write: f.write}}
}

func (f *File) write(ctx context.Context, i int, w io.Writer) error {
	r, err := f.read(f.parts[i].W)
	if err != nil {
		return err
	}
	return f.parts[i].copyTo(ctx, w, r)
}

const (
	// blockBytes is how much of a weight is held at a time while parts of its rows are picked out.
	blockBytes = 1 << 20
	// directBytes is how much must lie between two runs for each to be read on its own: below, reading it is cheaper than another
	// call of the operating system.
	directBytes = 8 << 10
)

// copyTo writes the part's bytes, row-major.
func (p Part) copyTo(ctx context.Context, w io.Writer, r io.ReaderAt) error {
	size := int64(p.W.DType.Size())
	outer, inner, extent := int64(1), size, int64(1)
	for d, n := range p.W.Shape {
		switch {
		case d < p.Dim:
			outer *= int64(n)
		case d == p.Dim:
			outer *= int64(max(p.Outer, 1))
			extent = int64(n / max(p.Outer, 1))
		default:
			inner *= int64(n)
		}
	}
	run, row := int64(p.Hi-p.Lo)*inner, extent*inner
	if len(p.W.Shape) == 0 {
		run, row = size, size
	}
	if outer == 1 || run == row {
		_, err := io.CopyBuffer(onlyWriter{w}, io.NewSectionReader(r, int64(p.Lo)*inner, run*outer), make([]byte, min(max(run*outer, 1), blockBytes)))
		return err
	}
	return p.pick(ctx, w, r, outer, row, int64(p.Lo)*inner, run)
}

// onlyWriter hides ReadFrom, so that copies go through our buffer.
type onlyWriter struct{ io.Writer }

// pick writes run bytes at offset at of each of the rows.
func (p Part) pick(ctx context.Context, w io.Writer, r io.ReaderAt, rows, row, at, run int64) error {
	direct := row-run >= directBytes
	block := min(max(blockBytes/row, 1), rows)
	if direct {
		block = min(max(blockBytes/run, 1), rows)
	}
	var buf []byte
	if !direct {
		buf = make([]byte, block*row)
	}
	out := make([]byte, block*run)
	for first := int64(0); first < rows; first += block {
		if err := ctx.Err(); err != nil {
			return err
		}
		count := min(block, rows-first)
		if !direct {
			if err := readFull(r, buf[:count*row], first*row); err != nil {
				return err
			}
		}
		for i := range count {
			to := out[i*run : (i+1)*run]
			if !direct {
				copy(to, buf[i*row+at:])
				continue
			}
			if err := readFull(r, to, (first+i)*row+at); err != nil {
				return err
			}
		}
		if _, err := w.Write(out[:count*run]); err != nil {
			return err
		}
	}
	return nil
}

func readFull(r io.ReaderAt, buf []byte, at int64) error {
	n, err := r.ReadAt(buf, at)
	if n == len(buf) {
		return nil
	}
	return fmt.Errorf("read %d bytes of a weight at %d: %w", len(buf), at, err)
}

// Load picks the part out of all of its weight's bytes. It is for small weights and tests.
func (p Part) Load(ctx context.Context, data []byte) ([]byte, error) {
	var out bytes.Buffer
	if err := p.copyTo(ctx, &out, bytes.NewReader(data)); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
