package dataset

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/shardwise/shardwise/internal/tensor"
)

var safetensorsLimits = tensor.Limits{Header: 16 << 20}

// newSafetensors reads a safetensors file, one tensor an input.
func newSafetensors(file input, size int64, s *schema, opt Options) (source, error) {
	head := io.NewSectionReader(file, 0, size)
	prefix := make([]byte, min(8, size))
	if err := readAt(file, prefix, 0); err != nil {
		return nil, err
	}
	at, err := tensor.HeaderSize(prefix, int(size), safetensorsLimits)
	if err != nil {
		return nil, err
	}
	header, err := readAligned(head, at)
	if err != nil {
		return nil, err
	}
	entries, meta, err := tensor.ParseHeader(header[8:], int(size)-at, safetensorsLimits)
	if err != nil {
		return nil, err
	}
	named := map[string]array{}
	for key := range meta {
		if !strings.HasPrefix(key, "string:") {
			continue
		}
		if named, err = frameArrays(io.NewSectionReader(file, 0, size), size); err != nil {
			return nil, err
		}
		entries = nil
		break
	}
	for i := range entries {
		e := &entries[i]
		h := npyHeader{dtype: e.DType, shape: e.Shape}
		named[e.Name] = &npyStream{h, io.NewSectionReader(file, int64(at+e.Begin), int64(e.End-e.Begin))}
	}
	return fromNamed(named, s, opt)
}

// frameArrays holds a file with string tensors whole.
func frameArrays(r io.Reader, size int64) (map[string]array, error) {
	buf, err := readAligned(r, int(size))
	if err != nil {
		return nil, err
	}
	n, _, err := tensor.ParseFrame(buf, safetensorsLimits)
	if err != nil {
		return nil, err
	}
	named := make(map[string]array, len(n))
	for name, t := range n {
		named[name] = whole{t}
	}
	return named, nil
}

func fromNamed(named map[string]array, s *schema, opt Options) (source, error) {
	a := &arraySource{s: s, rows: -1}
	names := slices.Sorted(maps.Keys(named))
	to, err := a.match(names, opt.ByPosition)
	if err != nil {
		return nil, err
	}
	symbols := map[string]int{}
	for i, name := range names {
		if err := a.add(s.fields[to[i]], named[name], symbols); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", clip(name), err)
		}
	}
	return a, a.check()
}
