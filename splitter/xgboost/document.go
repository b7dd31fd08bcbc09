package xgboost

import (
	"errors"
	"slices"
	"strconv"

	"github.com/shardwise/shardwise/internal/forest"
)

// document is what one pass over a model file keeps.
type document struct {
	version      []int32
	attributes   map[string]string
	names        []string
	types        []string
	param        map[string]string // learner_model_param
	objective    map[string]string // "name" and the parameters, flattened
	booster      string
	treeParam    map[string]string // gbtree_model_param
	treeInfo     []int32
	drop         []float32
	dictionaries []int // features with a dictionary of categories
	linear       bool
	records      []record
	infos        []forest.TreeInfo
	trees        treeReader
	scratch      forest.Tree
	last         []forest.Test // of the tree before, to share equal lists
	// reread starts a decoder at a tree that stands at [start, end).
	reread func(start, end int64) *decoder
}

// record is where a tree stands in the file, from its opening brace on, and how many values its leaves have.
type record struct {
	start, end int64
	outputs    int
}

func newDocument() *document {
	return &document{attributes: map[string]string{}, param: map[string]string{}, objective: map[string]string{}, treeParam: map[string]string{}}
}

// read reads the whole document.
func (m *document) read(d *decoder) error {
	if err := d.read(); err != nil {
		return err
	}
	learner := false
	err := d.members(map[string]func() error{
		"version": func() error { return d.ints(&m.version) },
		"learner": func() error { learner = true; return m.learner(d) },
		// A saved DMatrix or a booster's configuration has other keys; Config stands in memory snapshots only.
		"Config": func() error {
			return d.fail("this is a memory snapshot, a model was wanted")
		},
	})
	if err == nil && !learner {
		err = d.fail("there is no learner: this is not an XGBoost model")
	}
	return err
}

func (m *document) learner(d *decoder) error {
	return d.members(map[string]func() error{
		"attributes":          func() error { return m.readAttributes(d) },
		"feature_names":       func() error { return d.texts(&m.names) },
		"feature_types":       func() error { return d.texts(&m.types) },
		"learner_model_param": func() error { return d.textMap(m.param) },
		"objective":           func() error { return d.textMap(m.objective) },
		"gradient_booster":    func() error { return m.gradientBooster(d) },
	})
}

// readAttributes keeps best_iteration; a wrapper's attributes may be long and are of no use here.
func (m *document) readAttributes(d *decoder) error {
	return d.object(func(key string) error {
		if key == "best_iteration" && d.t.kind == stringToken {
			m.attributes[key] = string(d.t.text)
		}
		return d.skip()
	})
}

// gradientBooster reads any of the places where versions put the trees and the drop weights.
func (m *document) gradientBooster(d *decoder) error {
	return d.members(map[string]func() error{
		"name":        func() error { return d.text(&m.booster) },
		"model":       func() error { return m.model(d) },
		"weight_drop": func() error { return d.floats(&m.drop) },
		"gbtree":      func() error { return d.members(map[string]func() error{"model": func() error { return m.model(d) }}) },
	})
}

func (m *document) model(d *decoder) error {
	return d.members(map[string]func() error{
		"gbtree_model_param": func() error { return d.textMap(m.treeParam) },
		"tree_info":          func() error { return d.ints(&m.treeInfo) },
		"weight_drop":        func() error { return d.floats(&m.drop) },
		"weights":            func() error { m.linear = true; return d.skip() },
		"cats":               func() error { return m.categories(d) },
		"trees":              func() error { return d.array(func(i int) error { return m.tree(d, i) }) },
	})
}

// categories lists the features that bring a dictionary of categories.
func (m *document) categories(d *decoder) error {
	return d.members(map[string]func() error{
		"enc": func() error {
			return d.array(func(i int) error {
				if d.t.kind != objectStart {
					return d.skip()
				}
				values := false
				err := d.object(func(key string) error {
					values = values || key == "values"
					return d.skip()
				})
				if values {
					m.dictionaries = append(m.dictionaries, i)
				}
				return err
			})
		},
	})
}

// tree reads tree i and keeps its place and its facts.
func (m *document) tree(d *decoder, i int) error {
	start := d.s.offset() - 1 // the opening brace has been read
	d.path = append(d.path, "["+strconv.Itoa(i)+"]")
	if err := m.trees.read(d); err != nil {
		return err
	}
	if m.trees.id != i {
		return d.fail("the tree's id is %d", m.trees.id)
	}
	outputs, err := m.trees.build(d, &m.scratch)
	if errors.Is(err, errSkipped) {
		again := m.reread(start, d.s.offset())
		again.path, m.trees.scalar = d.path, false
		outputs, err = m.trees.decode(again, &m.scratch)
	}
	if err != nil {
		return err
	}
	info := describe(&m.scratch, outputs)
	if slices.Equal(info.Tests, m.last) {
		info.Tests = m.last
	}
	m.last = info.Tests
	m.records = append(m.records, record{start, d.s.offset(), outputs})
	m.infos = append(m.infos, info)
	d.path = d.path[:len(d.path)-1]
	return nil
}
