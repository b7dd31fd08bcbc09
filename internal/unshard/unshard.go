// Package unshard puts the tensors of the original model together again from the parts that the shards hold.
//
// It serves verification: the unsharded model is computed from the very bytes that the shards serve, so that a difference
// between the two is one of arithmetic. It copies, and holds one full tensor per name that was asked for; it is not for the
// hot path. The command line and tests call it.
package unshard

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sync"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/shardfile"
	"github.com/shardwise/shardwise/internal/tensor"
)

// weights implements engine.Weights over the files of a model directory.
type weights struct {
	files []*shardfile.Reader
	parts map[string][]piece // by original name

	mu   sync.Mutex
	made map[string]*tensor.Tensor // guarded by mu
}

// piece is one tensor of a file that holds a part of an original one.
type piece struct {
	file   *shardfile.Reader
	name   string
	origin *shardfile.Origin
}

// Weights opens all weights files of the model directory dir, whose manifest is m, and gives the original tensors by
// name. The tensors are copies that stay valid after the closer has closed the files. Errors are the files' (a
// *shardfile.CorruptError where bytes are wrong), or say which tensor's parts do not fit together.
func Weights(dir string, m *manifest.Manifest) (engine.Weights, io.Closer, error) {
	w := &weights{parts: map[string][]piece{}, made: map[string]*tensor.Tensor{}}
	var files []manifest.File
	for _, s := range m.Shards {
		files = append(files, s.Files...)
	}
	if m.Local != nil {
		files = append(files, m.Local.Files...)
	}
	for _, f := range files {
		if f.Role != manifest.RoleWeights {
			continue
		}
		if err := w.open(filepath.Join(dir, filepath.FromSlash(f.Path)), f); err != nil {
			return nil, nil, errors.Join(err, w.Close())
		}
	}
	return w, w, nil
}

func (w *weights) open(path string, f manifest.File) error {
	r, err := shardfile.Open(path, f)
	if err != nil {
		return fmt.Errorf("unshard: %w", err)
	}
	w.files = append(w.files, r)
	for _, name := range r.Names() {
		o, err := r.Origin(name)
		if err != nil {
			return fmt.Errorf("unshard: %w", err)
		}
		if o != nil {
			w.parts[o.Of] = append(w.parts[o.Of], piece{file: r, name: name, origin: o})
		}
	}
	return nil
}

// Close closes the files.
func (w *weights) Close() error {
	var err error
	for _, f := range w.files {
		err = errors.Join(err, f.Close())
	}
	return err
}

// Weight implements engine.Weights.
func (w *weights) Weight(name string) (*tensor.Tensor, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t, ok := w.made[name]; ok {
		return t, nil
	}
	t, err := assemble(name, w.parts[name])
	if err != nil {
		return nil, fmt.Errorf("unshard: %w", err)
	}
	w.made[name] = t
	return t, nil
}

// assemble puts parts together: parts along one dimension that cover it. A tensor may be cut in more than one way, and
// parts may stand in several files; the first cover found serves.
func assemble(name string, parts []piece) (*tensor.Tensor, error) {
	if len(parts) == 0 {
		return nil, fmt.Errorf("no file holds a part of tensor %q", name)
	}
	shape := parts[0].origin.Shape
	for _, p := range parts {
		if !p.origin.Shape.Equal(shape) {
			return nil, fmt.Errorf("tensor %q has shape %v in one file and %v in another: they are not of one model", name, shape, p.origin.Shape)
		}
	}
	for _, p := range parts {
		if cover := cover(parts, p.origin); cover != nil {
			return fill(name, cover, p.origin, shape)
		}
	}
	return nil, fmt.Errorf("the parts of tensor %q do not cover its shape %v", name, shape)
}

// cover picks parts that are cut as the origin says and lie end to end; a whole tensor is a cover of its own.
func cover(parts []piece, how *shardfile.Origin) []piece {
	var along []piece
	for _, p := range parts {
		if p.origin.Complete() {
			return []piece{p}
		}
		if p.origin.Dim == how.Dim && p.origin.Blocks() == how.Blocks() {
			along = append(along, p)
		}
	}
	slices.SortStableFunc(along, func(a, b piece) int { return a.origin.Start - b.origin.Start })
	var out []piece
	at := 0
	for _, p := range along {
		if p.origin.Start == at && p.origin.Stop > at {
			out, at = append(out, p), p.origin.Stop
		}
	}
	if at != how.Extent() {
		return nil
	}
	return out
}

// fill copies the parts into a fresh tensor.
func fill(name string, parts []piece, how *shardfile.Origin, shape tensor.Shape) (*tensor.Tensor, error) {
	var out *tensor.Tensor
	outer, inner := how.Blocks(), 1
	for d, n := range shape {
		if d < how.Dim {
			outer *= n
		} else if d > how.Dim {
			inner *= n
		}
	}
	for _, p := range parts {
		t, err := p.file.Weight(p.name)
		if err != nil {
			return nil, err
		}
		want := shape.Clone()
		lo, hi := p.origin.Start, p.origin.Stop
		if p.origin.Complete() {
			lo, hi = 0, how.Extent()
		}
		want[how.Dim] = how.Blocks() * (hi - lo)
		if out == nil {
			out = tensor.New(t.DType(), shape...)
		}
		if !t.Shape().Equal(want) || t.DType() != out.DType() {
			return nil, fmt.Errorf("part %q of tensor %q is %v, its origin says %s%v", p.name, name, t, out.DType(), want)
		}
		size := t.DType().Size()
		run, row := (hi-lo)*inner*size, how.Extent()*inner*size
		for i := range outer {
			copy(out.Bytes()[i*row+lo*inner*size:], t.Bytes()[i*run:(i+1)*run])
		}
	}
	return out, nil
}
