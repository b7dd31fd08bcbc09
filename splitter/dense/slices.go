package dense

import (
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

// part is a slice [lo, hi) along dim of a weight.
type part struct {
	w           *graph.Weight
	dim, lo, hi int
}

func whole(w *graph.Weight) part {
	if len(w.Shape) == 0 {
		return part{w: w}
	}
	return part{w: w, hi: w.Shape[0]}
}

func (p part) shape() tensor.Shape {
	s := p.w.Shape.Clone()
	if len(s) > 0 {
		s[p.dim] = p.hi - p.lo
	}
	return s
}

// key tells parts apart.
func (p part) key() string { return fmt.Sprintf("%s\x00%d\x00%d\x00%d", p.w.Name, p.dim, p.lo, p.hi) }

// weightsFile gathers what one weights file holds: each part once, under a name that is unique in the file.
type weightsFile struct {
	path  string
	read  func(*graph.Weight) (io.ReaderAt, error)
	parts []part
	names map[string]string // key -> tensor name
	taken map[string]bool
}

func newWeightsFile(m *Model, path string) *weightsFile {
	return &weightsFile{path: path, read: m.Read, names: map[string]string{}, taken: map[string]bool{}}
}

// add enters the part and returns its name: the weight's own, with a number where the file holds several parts of it.
func (f *weightsFile) add(p part) string {
	if name, ok := f.names[p.key()]; ok {
		return name
	}
	name := p.w.Name
	if strings.HasPrefix(name, "__") {
		name = "w/" + name // such names are reserved in weights files
	}
	for i := 2; f.taken[name]; i++ {
		name = fmt.Sprintf("%s#%d", p.w.Name, i)
	}
	f.names[p.key()], f.taken[name] = name, true
	f.parts = append(f.parts, p)
	return name
}

// use makes a part a weight of the program and returns its value name. Small constants that are not cut stand in the
// program itself; the others get their place when the file is complete.
func (f *weightsFile) use(g *graph.Graph, p part) string {
	if inline(p.w) && len(p.shape()) == len(p.w.Shape) && p.shape().Equal(p.w.Shape) {
		g.Weights[p.w.Name] = p.w
		return p.w.Name
	}
	name := f.add(p)
	g.Weights[name] = &graph.Weight{Name: name, DType: p.w.DType, Shape: p.shape(), Location: f.path}
	return name
}

func inline(w *graph.Weight) bool {
	return w.DType == tensor.String || w.Data != nil && len(w.Data) <= inlineBytes
}

// declared lists the file's tensors with their origins.
func (f *weightsFile) declared() []shardfile.Declared {
	var out []shardfile.Declared
	for _, p := range f.parts {
		out = append(out, shardfile.Declared{Name: f.names[p.key()], DType: p.w.DType, Shape: p.shape(),
			Origin: &shardfile.Origin{Of: p.w.Name, Dim: p.dim, Start: p.lo, Stop: p.hi, Shape: p.w.Shape}})
	}
	return out
}

func (f *weightsFile) bytes() int64 {
	var total int64
	for _, p := range f.parts {
		if n, err := p.shape().Elements(); err == nil {
			total += int64(n) * int64(p.w.DType.Size())
		}
	}
	return total
}

// recipe is the file for the writer.
func (f *weightsFile) recipe(shard int) layout.File {
	return layout.File{Shard: shard, Role: "weights", Path: f.path, Weights: &layout.Weights{Tensors: f.declared(), Write: f.write}}
}

func (f *weightsFile) write(ctx context.Context, i int, w io.Writer) error {
	r, err := f.read(f.parts[i].w)
	if err != nil {
		return err
	}
	return f.parts[i].copyTo(ctx, w, r)
}

const (
	// blockBytes is how much of a weight is held at a time while parts of its rows are picked out.
	blockBytes = 1 << 20
	// directBytes is the length from which a run is read on its own: below, reading what lies between is cheaper.
	directBytes = 16 << 10
)

// copyTo writes the part's bytes, row-major.
func (p part) copyTo(ctx context.Context, w io.Writer, r io.ReaderAt) error {
	size := int64(p.w.DType.Size())
	outer, inner, extent := int64(1), size, int64(1)
	for d, n := range p.w.Shape {
		switch {
		case d < p.dim:
			outer *= int64(n)
		case d == p.dim:
			extent = int64(n)
		default:
			inner *= int64(n)
		}
	}
	run, row := int64(p.hi-p.lo)*inner, extent*inner
	if len(p.w.Shape) == 0 {
		run, row = size, size
	}
	if outer == 1 || run == row {
		_, err := io.CopyBuffer(onlyWriter{w}, io.NewSectionReader(r, int64(p.lo)*inner, run*outer), make([]byte, min(max(run*outer, 1), blockBytes)))
		return err
	}
	return p.pick(ctx, w, r, outer, row, int64(p.lo)*inner, run)
}

// onlyWriter hides ReadFrom, so that copies go through our buffer.
type onlyWriter struct{ io.Writer }

// pick writes run bytes at offset at of each of the rows.
func (p part) pick(ctx context.Context, w io.Writer, r io.ReaderAt, rows, row, at, run int64) error {
	block := min(max(blockBytes/row, 1), rows)
	buf := make([]byte, block*row)
	var out []byte
	for first := int64(0); first < rows; {
		if err := ctx.Err(); err != nil {
			return err
		}
		count := min(block, rows-first)
		if run >= directBytes {
			count = 1
			if err := readFull(r, buf[:run], first*row+at); err != nil {
				return err
			}
			out = append(out[:0], buf[:run]...)
		} else {
			if err := readFull(r, buf[:count*row], first*row); err != nil {
				return err
			}
			out = out[:0]
			for i := range count {
				out = append(out, buf[i*row+at:i*row+at+run]...)
			}
		}
		if _, err := w.Write(out); err != nil {
			return err
		}
		first += count
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
