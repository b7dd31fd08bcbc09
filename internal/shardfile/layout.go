package shardfile

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/shardwise/shardwise/internal/tensor"
)

const (
	// dataAlign is where the data section may begin: a page, so that a mapping's tensors keep their alignment.
	dataAlign = 4096
	// tensorAlign is a cache line and the widest vector register.
	tensorAlign = 64
	// chunkSize is what one checksum covers. A MiB is read in well under a millisecond, and a table of them stays small.
	chunkSize = 1 << 20

	// maxBytes bounds the tensors' bytes, so that no sum of offsets, header and table overflows.
	maxBytes = 1 << 60

	tableName = "__crc32c"
	padPrefix = "__pad."
)

// limits are the format's own for the header; the number of tensors is bounded by it.
var limits = tensor.Limits{Header: 100_000_000, Tensors: 1 << 20, Rank: 32}

// plan is the layout of a file: all entries, pads and table included, in the order of their data.
type plan struct {
	header  []byte
	entries []tensor.Entry
	tensors []int // index in entries of each declared tensor
}

func newPlan(tensors []Declared, meta map[string]string) (*plan, error) {
	meta, err := withOrigins(tensors, meta)
	if err != nil {
		return nil, err
	}
	p := &plan{}
	seen := make(map[string]struct{}, len(tensors))
	for i := range tensors {
		d := &tensors[i]
		size, err := checkDeclared(d)
		if err != nil {
			return nil, err
		}
		if _, dup := seen[d.Name]; dup {
			return nil, fmt.Errorf("tensor %q is declared twice", d.Name)
		}
		seen[d.Name] = struct{}{}
		p.pad()
		p.tensors = append(p.tensors, len(p.entries))
		if err := p.add(d.Name, d.DType, d.Shape, size); err != nil {
			return nil, err
		}
	}
	p.pad()
	return p, p.finish(meta)
}

// finish adds the table, whose length depends on the header, which contains the table's entry.
func (p *plan) finish(meta map[string]string) error {
	data := p.end()
	for chunks := 1; ; {
		entries := append(p.entries[:len(p.entries):len(p.entries)], tensor.Entry{
			Name: tableName, DType: tensor.U32, Shape: tensor.Shape{chunks}, Begin: data, End: data + 4*chunks,
		})
		header, err := tensor.AppendHeader(nil, entries, meta, dataAlign)
		if err != nil {
			return err
		}
		if len(header)-8 > limits.Header || len(entries) > limits.Tensors {
			return fmt.Errorf("%d tensors need a header of %d bytes; the limits are %d and %d: use more shards",
				len(p.tensors), len(header)-8, limits.Tensors, limits.Header)
		}
		// A longer number may lengthen the header, never shorten it: need only grows until it is met.
		need := chunksFor(len(header) + data)
		if need == chunks {
			p.header, p.entries = header, entries
			return nil
		}
		chunks = need
	}
}

func chunksFor(bytes int) int { return (bytes + chunkSize - 1) / chunkSize }

func (p *plan) end() int {
	if len(p.entries) == 0 {
		return 0
	}
	return p.entries[len(p.entries)-1].End
}

// pad adds an explicit pad tensor up to the next multiple of tensorAlign.
func (p *plan) pad() {
	at := p.end()
	if n := -at & (tensorAlign - 1); n > 0 {
		p.entries = append(p.entries, tensor.Entry{
			Name: padPrefix + strconv.Itoa(len(p.entries)), DType: tensor.U8, Shape: tensor.Shape{n}, Begin: at, End: at + n,
		})
	}
}

func (p *plan) add(name string, d tensor.DType, shape tensor.Shape, size int) error {
	at := p.end()
	if size > maxBytes-at {
		return fmt.Errorf("tensor %q does not fit: the file would exceed %d bytes", name, maxBytes)
	}
	p.entries = append(p.entries, tensor.Entry{Name: name, DType: d, Shape: shape.Clone(), Begin: at, End: at + size})
	return nil
}

func reserved(name string) bool {
	return name == tableName || name == tensor.MetadataKey || strings.HasPrefix(name, padPrefix)
}

func checkDeclared(d *Declared) (int, error) {
	if d.Name == "" || reserved(d.Name) {
		return 0, fmt.Errorf("tensor name %q is empty or reserved", d.Name)
	}
	if d.DType.Size() == 0 {
		return 0, fmt.Errorf("tensor %q: dtype %v cannot stand in a weights file", d.Name, d.DType)
	}
	if len(d.Shape) > limits.Rank {
		return 0, fmt.Errorf("tensor %q has %d dimensions, more than %d", d.Name, len(d.Shape), limits.Rank)
	}
	n, err := d.Shape.Elements()
	if err != nil {
		return 0, fmt.Errorf("tensor %q: %w", d.Name, err)
	}
	if n > maxBytes/d.DType.Size() {
		return 0, fmt.Errorf("tensor %q: %v%v has too many bytes", d.Name, d.DType, d.Shape)
	}
	return n * d.DType.Size(), nil
}

// withOrigins copies meta and enters the origins under the tensors' names.
func withOrigins(tensors []Declared, meta map[string]string) (map[string]string, error) {
	out := maps.Clone(meta)
	if out == nil {
		out = map[string]string{}
	}
	for i := range tensors {
		d := &tensors[i]
		if _, clash := meta[d.Name]; clash {
			return nil, fmt.Errorf("metadata key %q is the name of a tensor, where its origin stands", d.Name)
		}
		if d.Origin == nil {
			continue
		}
		if err := d.Origin.check(); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", d.Name, err)
		}
		text, err := json.Marshal(d.Origin)
		if err != nil {
			return nil, fmt.Errorf("tensor %q: origin: %w", d.Name, err)
		}
		out[d.Name] = string(text)
	}
	return out, nil
}

// check compares an origin's fields with one another.
func (o *Origin) check() error {
	if o.Of == "" || o.Dim < 0 || o.Dim >= len(o.Shape) || o.Outer < 0 || o.Shape[o.Dim]%o.Blocks() != 0 ||
		o.Start < 0 || o.Stop < o.Start || o.Stop > o.Extent() {
		return fmt.Errorf("origin [%d, %d) of dimension %d does not lie in %q of shape %v", o.Start, o.Stop, o.Dim, o.Of, o.Shape)
	}
	_, err := o.Shape.Elements()
	return err
}

// Offsets tells where in the file that NewWriter would write each declared tensor begins, for the locations of external
// data that name the file. The arguments and errors are NewWriter's.
func Offsets(tensors []Declared, meta map[string]string) ([]int64, error) {
	p, err := newPlan(tensors, meta)
	if err != nil {
		return nil, fmt.Errorf("lay out weights: %w", err)
	}
	at := make([]int64, len(tensors))
	for i, index := range p.tensors {
		at[i] = int64(len(p.header) + p.entries[index].Begin)
	}
	return at, nil
}
