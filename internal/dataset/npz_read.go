package dataset

import (
	"archive/zip"
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// newNPZ reads a zip archive of npy arrays, stored or deflated, each streamed on its own.
func newNPZ(file input, size int64, s *schema, opt Options) (source, error) {
	archive, err := zip.NewReader(file, size)
	if err != nil {
		return nil, fmt.Errorf("it is no npz archive: %w", err)
	}
	names := make([]string, len(archive.File))
	for i, f := range archive.File {
		name, ok := strings.CutSuffix(f.Name, ".npy")
		if !ok {
			return nil, fmt.Errorf("entry %q is not an npy array", clip(f.Name))
		}
		names[i] = name
	}
	a := &arraySource{s: s, rows: -1}
	to, err := a.match(names, opt.ByPosition)
	if err != nil {
		return nil, err
	}
	symbols := map[string]int{}
	for i, f := range archive.File {
		arr, err := openNPZ(f)
		if err == nil {
			err = a.add(s.fields[to[i]], arr, symbols)
		}
		if err != nil {
			return nil, fmt.Errorf("array %q: %w", clip(names[i]), err)
		}
	}
	return a, a.check()
}

func openNPZ(f *zip.File) (array, error) {
	body, err := f.Open()
	if err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(body, 1<<16)
	h, at, err := readNPYHeader(in)
	if err != nil {
		return nil, err
	}
	n, err := h.shape.Elements()
	if err != nil {
		return nil, err
	}
	bytesNeeded := n * h.dtype.Size()
	if f.UncompressedSize64 != uint64(at)+uint64(bytesNeeded) {
		return nil, fmt.Errorf("it has %d bytes where %v%v needs %d", f.UncompressedSize64, h.dtype, h.shape, at+bytesNeeded)
	}
	stream := &npyStream{h, in}
	if !h.fortran {
		return stream, nil
	}
	if bytesNeeded > 1<<31 {
		return nil, errors.New("it is in Fortran order and over 2 GiB: save it with numpy.ascontiguousarray")
	}
	data, err := readAligned(in, bytesNeeded)
	if err != nil {
		return nil, err
	}
	if err := stream.done(); err != nil {
		return nil, err
	}
	return &npyFortran{h, bytes.NewReader(data), 0}, nil
}
