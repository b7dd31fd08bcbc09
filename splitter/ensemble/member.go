package ensemble

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/splitter/partition"
)

// Opener opens a model file.
type Opener func(path string) (layout.Model, error)

// member is an opened model of the ensemble: one of the members, or the second model of a stack, whose index is -1.
type member struct {
	Member
	index, of int
	model     layout.Model
	in        *partition.Model
	prefix    string // of its names in the ensemble's graph
}

// whole and partitioned are models as one graph: ensembles of trees, and graphs.
type (
	whole interface {
		Whole() (*partition.Model, error)
	}
	partitioned interface {
		Partition() (*partition.Model, error)
	}
)

// open opens the member below the folder dir. When it fails, nothing stays open.
func (m *member) open(dir string, open Opener) error {
	if err := m.inside(dir); err != nil {
		return err
	}
	model, err := open(filepath.Join(dir, filepath.FromSlash(m.Model)))
	if err != nil {
		return m.failed(err)
	}
	m.model = model
	switch w := model.(type) {
	case whole:
		m.in, err = w.Whole()
	case partitioned:
		m.in, err = w.Partition()
	default:
		err = m.wrong("its kind", "a model of trees or a graph", model.Info().Format, "")
	}
	if err != nil {
		return m.failed(err)
	}
	if m.in.Signature.Rows != "" {
		return m.wrong("its rows", "rows that stand for themselves", "rows that do not, or none", "inspect tells what mixes the rows")
	}
	return nil
}

// inside refuses a file to which symbolic links lead out of the folder, as they may not to external data: an ensemble from elsewhere could otherwise have any
// model of the machine copied.
func (m *member) inside(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open the description's folder: %w", err)
	}
	defer root.Close()
	name := filepath.FromSlash(m.Model)
	_, err = root.Stat(name)
	if err == nil {
		return nil
	}
	to, missing := filepath.EvalSymlinks(filepath.Join(dir, name))
	if missing != nil { // opening it tells
		return nil
	}
	return m.wrong("its path", "a file in the description's folder or below", to, "copy the file into the folder; links in it have to be relative, and may not lead out")
}

// failed says whose error it is.
func (m *member) failed(err error) error {
	if m.index < 0 {
		return fmt.Errorf("the second model (%s): %w", m.Model, err)
	}
	return fmt.Errorf("member %d of %d (%s): %w", m.index, m.of, m.Model, err)
}

func (m *member) wrong(what, want, found, remedy string) error {
	return &MemberError{Member: m.index, Of: m.of, File: m.Model, What: what, Want: want, Found: found, Remedy: remedy}
}

// sources are the member's files, relative to the description.
func (m *member) sources() []manifest.Source {
	var out []manifest.Source
	for _, s := range m.in.Sources {
		s.File = path.Join(path.Dir(m.Model), s.File)
		out = append(out, s)
	}
	return out
}

// typeOf is the type of one of the member's values, with the rows called manifest.Batch and other symbols as its signature has them.
func (m *member) typeOf(name string) graph.Value {
	v := m.in.Values[name]
	dims := m.in.Dims(v.Dims)
	v.Name, v.Dims = name, make([]graph.Dim, len(dims))
	for i, d := range dims {
		if v.Dims[i] = (graph.Dim{Size: d.Size}); d.Name != "" {
			v.Dims[i] = graph.Dim{Size: -1, Symbol: d.Name}
		}
	}
	return v
}

// output is the output that counts: the one that is named, or the only one that will do.
func (m *member) output(vote bool) (graph.Value, error) {
	var names, all []string
	ints, floats := []string{}, []string{}
	for _, o := range m.in.Signature.Outputs {
		all = append(all, o.Name)
		if o.Name == m.Output {
			names = append(names, o.Name)
		}
		if m.Output != "" || !o.Default {
			continue
		}
		if o.DType.Float() {
			floats = append(floats, o.Name)
		} else if integer(o.DType) {
			ints = append(ints, o.Name)
		}
	}
	switch {
	case m.Output != "":
	case vote && len(ints) == 1 && m.Gives != GivesProbability:
		names = ints
	case len(floats) == 1:
		names = floats
	}
	if len(names) != 1 {
		if m.Output != "" {
			return graph.Value{}, m.wrong("its output", fmt.Sprintf("%q", m.Output), strings.Join(all, ", "), "")
		}
		return graph.Value{}, m.wrong("its output", "one of numbers", strings.Join(all, ", "), "name the output that counts in the description")
	}
	v := m.typeOf(names[0])
	if !v.DType.Float() && !integer(v.DType) {
		return v, m.wrong("the dtype of output "+v.Name, "numbers", v.DType.String(), "name another output")
	}
	if len(v.Dims) == 0 || v.Dims[0].Symbol != manifest.Batch {
		return v, m.wrong("the shape of output "+v.Name, "one answer a row", shapeText(v.Dims), "")
	}
	return v, nil
}

func integer(d tensor.DType) bool { return d == tensor.I64 || d == tensor.I32 }

// shapeText writes dimensions as [batch, 3].
func shapeText(dims []graph.Dim) string {
	var parts []string
	for _, d := range dims {
		if d.Size >= 0 {
			parts = append(parts, fmt.Sprint(d.Size))
			continue
		}
		parts = append(parts, d.Symbol)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}
