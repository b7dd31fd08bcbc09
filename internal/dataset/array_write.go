package dataset

import (
	"archive/zip"
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/shardwise/shardwise/internal/tensor"
)

// npySink writes one array; the header's row count is patched at the end.
type npySink struct {
	out    *bufio.Writer
	file   *os.File
	output *outputColumn
	rows   int
	begun  bool
}

// blank keeps the header's place.
func (s *npySink) blank() error {
	if s.begun {
		return nil
	}
	s.begun = true
	_, err := s.out.Write(make([]byte, npyHeaderSize))
	return err
}

func (s *npySink) write(n tensor.Named) error {
	if err := s.blank(); err != nil {
		return err
	}
	t := n[s.output.name]
	if s.output.rows {
		s.rows += t.Dim(0)
	}
	_, err := s.out.Write(t.Bytes())
	return err
}

func (s *npySink) close() error {
	if err := s.blank(); err != nil {
		return err
	}
	header, err := appendNPYHeader(nil, s.output.dtype, s.output.final(s.rows), npyHeaderSize)
	if err != nil {
		return err
	}
	if err := s.out.Flush(); err != nil {
		return err
	}
	_, err = s.file.WriteAt(header, 0)
	return err
}

func (s *npySink) abort() {}

// final is the output's shape with all rows.
func (o *outputColumn) final(rows int) tensor.Shape {
	shape := o.shape.Clone()
	if o.rows {
		shape[0] = rows
	}
	return shape
}

// spools holds each output's bytes in a temporary file of its own until all rows are known: the formats want arrays one
// after the other, the batches bring them side by side.
type spools struct {
	dir     string
	outputs []outputColumn
	rows    int
	spools  []spool
}

type spool struct {
	file    *os.File
	buf     *bufio.Writer
	bytes   int
	offsets *spool // of a String output: I64 ends
}

func newSpools(dir string, outputs []outputColumn) spools { return spools{dir: dir, outputs: outputs} }

func (s *spools) open() error {
	for i := len(s.spools); i < len(s.outputs); i++ {
		s.spools = append(s.spools, spool{})
		if err := s.spools[i].open(s.dir); err != nil {
			return err
		}
		if s.outputs[i].dtype == tensor.String {
			s.spools[i].offsets = &spool{}
			if err := s.spools[i].offsets.open(s.dir); err != nil {
				return err
			}
			if err := s.spools[i].offsets.write(make([]byte, 8)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *spool) open(dir string) (err error) {
	if p.file, err = createSpool(dir); err == nil {
		p.buf = bufio.NewWriterSize(p.file, 1<<16)
	}
	return err
}

func (p *spool) write(b []byte) error {
	n, err := p.buf.Write(b)
	p.bytes += n
	return err
}

func (s *spools) write(n tensor.Named) error {
	if err := s.open(); err != nil {
		return err
	}
	rows := 0
	for i := range s.outputs {
		o, p := &s.outputs[i], &s.spools[i]
		t := n[o.name]
		if o.rows {
			rows = t.Dim(0)
		}
		base := p.bytes
		if err := p.write(t.Bytes()); err != nil {
			return err
		}
		if p.offsets == nil {
			continue
		}
		for _, end := range t.Offsets()[1:] {
			if err := p.offsets.write(binary.LittleEndian.AppendUint64(nil, uint64(base)+uint64(end))); err != nil {
				return err
			}
		}
	}
	s.rows += rows
	return nil
}

// copyTo appends a spool's bytes to out.
func (p *spool) copyTo(out io.Writer) error {
	if err := p.buf.Flush(); err != nil {
		return err
	}
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	n, err := io.Copy(out, p.file)
	if err == nil && n != int64(p.bytes) {
		err = errors.New("a temporary file has changed its size")
	}
	return err
}

func (s *spools) abort() {
	for i := range s.spools {
		s.spools[i].remove()
	}
	s.spools = nil
}

// remove gives the temporary file's space back; it held only copies.
func (p *spool) remove() {
	if p.offsets != nil {
		p.offsets.remove()
	}
	if p.file != nil {
		_ = p.file.Close()
	}
}

// npzSink assembles an archive of stored npy arrays.
type npzSink struct {
	spools
	out *bufio.Writer
}

func (s *npzSink) close() error {
	defer s.abort()
	if err := s.open(); err != nil {
		return err
	}
	archive := zip.NewWriter(s.out)
	for i := range s.outputs {
		o := &s.outputs[i]
		header, err := appendNPYHeader(nil, o.dtype, o.final(s.rows), npyHeaderSize)
		if err != nil {
			return err
		}
		entry, err := archive.CreateHeader(&zip.FileHeader{Name: o.name + ".npy", Method: zip.Store})
		if err != nil {
			return err
		}
		if _, err := entry.Write(header); err != nil {
			return err
		}
		if err := s.spools.spools[i].copyTo(entry); err != nil {
			return err
		}
	}
	return archive.Close()
}

// safetensorsSink assembles a frame: the same bytes that tensor.AppendFrame would give.
type safetensorsSink struct {
	spools
	out *bufio.Writer
}

// part is a tensor of the file: an output, or one of the two parts of a String output.
type part struct {
	entry tensor.Entry
	spool *spool
}

func (s *safetensorsSink) parts() ([]part, map[string]string) {
	var parts []part
	meta := map[string]string{}
	for i := range s.outputs {
		o, p := &s.outputs[i], &s.spools.spools[i]
		shape := o.final(s.rows)
		if p.offsets == nil {
			parts = append(parts, part{tensor.Entry{Name: o.name, DType: o.dtype, Shape: shape}, p})
			continue
		}
		dims := make([]string, len(shape))
		for j, d := range shape {
			dims[j] = strconv.Itoa(d)
		}
		meta["string:"+o.name] = strings.Join(dims, ",")
		parts = append(parts,
			part{tensor.Entry{Name: o.name + ".offsets", DType: tensor.I64, Shape: tensor.Shape{p.offsets.bytes / 8}}, p.offsets},
			part{tensor.Entry{Name: o.name + ".bytes", DType: tensor.U8, Shape: tensor.Shape{p.bytes}}, p})
	}
	slices.SortFunc(parts, func(a, b part) int {
		return cmp.Or(b.entry.DType.Size()-a.entry.DType.Size(), strings.Compare(a.entry.Name, b.entry.Name))
	})
	return parts, meta
}

func (s *safetensorsSink) close() error {
	defer s.abort()
	if err := s.open(); err != nil {
		return err
	}
	parts, meta := s.parts()
	entries := make([]tensor.Entry, len(parts))
	at := 0
	for i := range parts {
		e := &parts[i].entry
		e.Begin, e.End = at, at+parts[i].spool.bytes
		at = e.End
		entries[i] = *e
	}
	header, err := tensor.AppendHeader(nil, entries, meta, 8)
	if err != nil {
		return err
	}
	if _, err := s.out.Write(header); err != nil {
		return err
	}
	for i := range parts {
		if err := parts[i].spool.copyTo(s.out); err != nil {
			return err
		}
	}
	return nil
}
