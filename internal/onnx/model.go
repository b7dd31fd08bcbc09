package onnx

import (
	"bytes"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/shardwise/shardwise/internal/graph"
)

// Model is a scanned ONNX file. Its graph's weights keep where their bytes lie: Location "" with Offset and Length
// is a range of the file itself, another Location an external file (see OpenExternal). Weights that the file stores as
// lists of numbers are held in Data when they are small; larger ones have neither Data nor Length, and only Data reads
// them. A Model is immutable and safe for concurrent use as long as its reader is.
type Model struct {
	Graph           *graph.Graph
	IRVersion       int64
	Producer        string // the exporter, for example "pytorch"
	ProducerVersion string
	Metadata        map[string]string
	Functions       []Function // that the file itself defines, in its order; Graph has them inlined

	cursor *cursor
	typed  map[*graph.Weight]span // tensors whose numbers are decoded when asked for
}

// Scan reads the structure of the ONNX file r of the given size in memory that does not grow with its weights. The
// Model reads r again later; the caller keeps it open. It fails with a *FormatError, an *UnsupportedError, or what r
// failed with.
func Scan(r io.ReaderAt, size int64) (*Model, error) {
	return scan(&cursor{r: r, size: size}, false)
}

// Decode reads an ONNX file that is in memory, for example a shard's program. Weights that the file holds have their
// bytes in Data, which may alias data; weights in external files keep Location, Offset and Length. Errors are as in Scan.
func Decode(data []byte) (*graph.Graph, error) {
	m, err := scan(&cursor{r: bytes.NewReader(data), size: int64(len(data)), window: data}, true)
	if err != nil {
		return nil, err
	}
	return m.Graph, nil
}

func scan(c *cursor, load bool) (*Model, error) {
	m := &Model{Metadata: map[string]string{}, cursor: c, typed: map[*graph.Weight]span{}}
	opsets := map[string]int64{}
	p := &parser{c: c, m: m, load: load}
	c.texts = map[string]string{}
	defer func() { c.texts = nil }()
	err := c.each(span{0, c.size}, "model", func(f field) error { return p.modelField(f, opsets) })
	if err != nil {
		return nil, err
	}
	if m.Graph == nil {
		return nil, &FormatError{Field: "model.graph", Reason: "missing: this is not an ONNX model, or it was cut off"}
	}
	if len(opsets) == 0 {
		return nil, &FormatError{Field: "model.opset_import", Reason: "missing: the operators' versions are not known"}
	}
	m.Graph.Opsets = opsets
	if err := p.inline(); err != nil {
		return nil, err
	}
	return m, nil
}

// parser carries a scan. With load set, every weight of the file itself ends in Data.
type parser struct {
	c         *cursor
	m         *Model
	load      bool
	bodies    bool // a node holds a graph
	functions []*function
}

func (p *parser) modelField(f field, opsets map[string]int64) (err error) {
	switch f.num {
	case modelIRVersion:
		p.m.IRVersion = int64(f.number)
		return f.want(protowire.VarintType, "model.ir_version")
	case modelProducer:
		p.m.Producer, err = p.c.text(f, "model.producer_name")
	case modelProducerVersion:
		p.m.ProducerVersion, err = p.c.text(f, "model.producer_version")
	case modelGraph:
		if p.m.Graph != nil {
			return &FormatError{Offset: f.off, Field: "model.graph", Reason: "stands twice"}
		}
		p.m.Graph, err = p.graph(f, 0)
	case modelOpset:
		return p.opset(f, "model.opset_import", opsets)
	case modelMetadata:
		var key, value string
		if key, value, err = p.entry(f, "model.metadata_props"); err == nil {
			p.m.Metadata[key] = value
		}
	case modelFunction:
		return p.function(f)
	}
	return err
}

func (p *parser) opset(f field, name string, opsets map[string]int64) error {
	if err := p.c.item(f, name); err != nil {
		return err
	}
	var domain string
	var version int64
	err := p.c.each(f.body, name, func(f field) (err error) {
		switch f.num {
		case opsetDomain:
			domain, err = p.c.text(f, "opset_import.domain")
		case opsetVersion:
			version, err = int64(f.number), f.want(protowire.VarintType, "opset_import.version")
		}
		return err
	})
	if err != nil {
		return err
	}
	domain = canonicalDomain(domain)
	if old, ok := opsets[domain]; ok && old != version || version < 1 {
		return &FormatError{Offset: f.off, Field: name, Reason: fmt.Sprintf("domain %q has version %d and %d", domain, old, version)}
	}
	opsets[domain] = version
	return nil
}

// canonicalDomain makes the two names of the default domain one.
func canonicalDomain(domain string) string {
	if domain == "ai.onnx" {
		return ""
	}
	return domain
}

// entry reads a StringStringEntryProto.
func (p *parser) entry(f field, name string) (key, value string, err error) {
	if err := p.c.item(f, name); err != nil {
		return "", "", err
	}
	err = p.c.each(f.body, name, func(f field) (err error) {
		switch f.num {
		case entryKey:
			key, err = p.c.text(f, name+".key")
		case entryValue:
			value, err = p.c.text(f, name+".value")
		}
		return err
	})
	return key, value, err
}

func (p *parser) graph(f field, depth int) (*graph.Graph, error) {
	if err := p.c.item(f, "graph"); err != nil {
		return nil, err
	}
	if depth > maxDepth {
		return nil, &FormatError{Offset: f.off, Field: "graph", Reason: fmt.Sprintf("graphs are nested more than %d deep", maxDepth)}
	}
	p.bodies = p.bodies || depth > 0
	g := &graph.Graph{Weights: map[string]*graph.Weight{}}
	err := p.c.each(f.body, "graph", func(f field) error { return p.graphField(f, g, depth) })
	return g, err
}

func (p *parser) graphField(f field, g *graph.Graph, depth int) (err error) {
	switch f.num {
	case graphName:
		g.Name, err = p.c.text(f, "graph.name")
	case graphNode:
		var n *graph.Node
		if n, err = p.node(f, depth); err == nil {
			g.Nodes = append(g.Nodes, n)
		}
	case graphInitializer:
		var w *graph.Weight
		if w, err = p.tensor(f, "graph.initializer"); err == nil {
			err = addWeight(f, g, w, "graph.initializer")
		}
	case graphSparse:
		var w *graph.Weight
		if w, err = p.sparse(f, "graph.sparse_initializer"); err == nil {
			err = addWeight(f, g, w, "graph.sparse_initializer")
		}
	case graphInput:
		return p.value(f, "graph.input", &g.Inputs)
	case graphOutput:
		return p.value(f, "graph.output", &g.Outputs)
	}
	return err
}

func addWeight(f field, g *graph.Graph, w *graph.Weight, name string) error {
	if _, twice := g.Weights[w.Name]; twice || w.Name == "" {
		return &FormatError{Offset: f.off, Field: name, Reason: fmt.Sprintf("the name %q is empty or stands twice", w.Name)}
	}
	g.Weights[w.Name] = w
	return nil
}
