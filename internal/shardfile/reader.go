package shardfile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Reader is a mapped weights file. It is safe for concurrent use, but for Close. The tensors that it hands out are views of the
// mapping: they end with Close, and whoever writes to the file meanwhile changes them.
type Reader struct {
	path    string
	want    manifest.File
	mapped  []byte
	table   []byte // the checksums, little-endian
	meta    map[string]string
	names   []string
	weights map[string]*weight
	check   *checker
	closed  atomic.Bool
}

type weight struct {
	tensor *tensor.Tensor
	begin  int // in the file
	good   atomic.Bool
}

// Open maps the file at path and compares it with the manifest's description: size, the hash of the table of
// checksums, the header's checksum and structure. It reads the header's chunk and the table, nothing else. A file that
// is not what the manifest describes is a *CorruptError.
func Open(path string, want manifest.File) (*Reader, error) {
	r := &Reader{path: path, want: want}
	if err := r.open(); err != nil {
		if r.mapped != nil {
			err = errors.Join(err, unmapFile(r.mapped))
		}
		return nil, err
	}
	return r, nil
}

func (r *Reader) open() error {
	c := r.want.Chunks
	if c == nil || c.Size < dataAlign || c.Size > 1<<30 {
		return fmt.Errorf("open weights %s: the manifest describes no usable table of checksums for it: split the model again", r.path)
	}
	if err := r.mapFile(); err != nil {
		return err
	}
	var fault string
	entries, at, err := r.structure(&fault)
	if fault != "" {
		return r.corrupt("", -1, fault)
	}
	if err != nil {
		return r.corrupt("", -1, err.Error())
	}
	table := &entries[len(entries)-1]
	begin := at + table.Begin
	r.check = newChecker(r.mapped[:begin], r.table, c.Size)
	// A flipped bit in a name or an offset would misplace weights: the header comes first.
	if chunk, reason := r.check.check(0, at); chunk >= 0 {
		return r.corrupt("", chunk, reason)
	}
	return r.index(entries[:len(entries)-1], at)
}

func (r *Reader) mapFile() error {
	f, err := os.Open(r.path)
	if err != nil {
		return fmt.Errorf("open weights: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("open weights: %w", err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("open weights: %s is not a regular file", r.path)
	}
	if info.Size() != r.want.Bytes || info.Size() < 8 || info.Size() != int64(int(info.Size())) {
		return r.corrupt("", -1, fmt.Sprintf("it has %d bytes, the manifest says %d", info.Size(), r.want.Bytes))
	}
	if r.mapped, err = mapFile(f, int(info.Size())); err != nil {
		return fmt.Errorf("open weights %s: map: %w", r.path, err)
	}
	return nil
}

// structure parses the header and checks the table against the manifest. It returns all entries, the table last, and
// where the data begins.
func (r *Reader) structure(fault *string) (_ []tensor.Entry, _ int, err error) {
	defer guard(fault)()
	at, err := tensor.HeaderSize(r.mapped[:8], len(r.mapped), limits)
	if err != nil {
		return nil, 0, err
	}
	if at%dataAlign != 0 {
		return nil, 0, fmt.Errorf("its data begins at byte %d, not at a multiple of %d", at, dataAlign)
	}
	entries, meta, err := tensor.ParseHeader(r.mapped[8:at], len(r.mapped)-at, limits)
	if err != nil {
		return nil, 0, err
	}
	c := r.want.Chunks
	if len(entries) == 0 || entries[len(entries)-1].Name != c.Tensor {
		return nil, 0, fmt.Errorf("its last tensor is not the table of checksums %q", c.Tensor)
	}
	t := &entries[len(entries)-1]
	need := (at + t.Begin + c.Size - 1) / c.Size
	if t.DType != tensor.U32 || len(t.Shape) != 1 || t.Shape[0] != need {
		return nil, 0, fmt.Errorf("its table of checksums is %v%v, wanted U32[%d]", t.DType, t.Shape, need)
	}
	// A copy: what has been verified cannot change or vanish afterwards.
	r.table = slices.Clone(r.mapped[at+t.Begin:])
	sum := sha256.Sum256(r.table)
	if got := hex.EncodeToString(sum[:]); got != c.SHA256 {
		return nil, 0, fmt.Errorf("its table of checksums has SHA-256 %s, the manifest says %s", got, c.SHA256)
	}
	r.meta = meta
	return entries, at, nil
}

// index makes the tensors, unchecked as yet.
func (r *Reader) index(entries []tensor.Entry, at int) error {
	r.weights = make(map[string]*weight, len(entries))
	for i := range entries {
		e := &entries[i]
		if strings.HasPrefix(e.Name, padPrefix) {
			continue
		}
		if e.Begin%tensorAlign != 0 {
			return r.corrupt(e.Name, -1, fmt.Sprintf("it begins at byte %d, not at a multiple of %d", at+e.Begin, tensorAlign))
		}
		t, err := tensor.FromBytes(e.DType, e.Shape, r.mapped[at+e.Begin:at+e.End:at+e.End])
		if err != nil {
			return r.corrupt(e.Name, -1, err.Error())
		}
		r.weights[e.Name] = &weight{tensor: t, begin: at + e.Begin}
		r.names = append(r.names, e.Name)
	}
	return nil
}

func (r *Reader) corrupt(name string, chunk int, reason string) error {
	return &CorruptError{Path: r.path, Tensor: name, Chunk: chunk, Reason: reason}
}

// Names are the tensors in the order of their data, without the file's own (padding, table). Callers must not change it.
func (r *Reader) Names() []string { return r.names }

// Weight is the tensor of that name, after the chunks that hold it have been checked, each once in the Reader's life.
// A wrong chunk is a *CorruptError.
func (r *Reader) Weight(name string) (*tensor.Tensor, error) {
	w, err := r.find(name)
	if err != nil || w.good.Load() {
		return w.view(), err
	}
	if err := r.ensure(name, w.begin, w.begin+len(w.tensor.Bytes())); err != nil {
		return nil, err
	}
	if err := w.tensor.Validate(); err != nil {
		return nil, r.corrupt(name, -1, err.Error())
	}
	w.good.Store(true)
	return w.tensor, nil
}

func (w *weight) view() *tensor.Tensor {
	if w == nil {
		return nil
	}
	return w.tensor
}

// Rows is rows lo to hi-1 of dimension 0 of the tensor of that name. Only the chunks that hold those rows are checked.
func (r *Reader) Rows(name string, lo, hi int) (*tensor.Tensor, error) {
	w, err := r.find(name)
	if err != nil {
		return nil, err
	}
	rows, err := w.tensor.Rows(lo, hi)
	if err != nil {
		return nil, fmt.Errorf("read weights %s, tensor %q: %w", r.path, name, err)
	}
	if w.good.Load() {
		return rows, nil
	}
	size := len(rows.Bytes())
	begin := w.begin
	if hi > lo {
		begin += lo * (size / (hi - lo))
	}
	if err := r.ensure(name, begin, begin+size); err != nil {
		return nil, err
	}
	if err := rows.Validate(); err != nil {
		return nil, r.corrupt(name, -1, err.Error())
	}
	return rows, nil
}

func (r *Reader) find(name string) (*weight, error) {
	if r.closed.Load() {
		return nil, fmt.Errorf("read weights %s: the file is closed", r.path)
	}
	w := r.weights[name]
	if w == nil {
		return nil, fmt.Errorf("read weights %s: it has no tensor %q", r.path, name)
	}
	return w, nil
}

func (r *Reader) ensure(name string, begin, end int) error {
	if chunk, reason := r.check.check(begin, end); chunk >= 0 {
		return r.corrupt(name, chunk, reason)
	}
	return nil
}

// Origin says which slice of the original model the tensor of that name is; nil when the file does not tell.
func (r *Reader) Origin(name string) (*Origin, error) {
	if _, err := r.find(name); err != nil {
		return nil, err
	}
	text, ok := r.meta[name]
	if !ok {
		return nil, nil
	}
	o := &Origin{}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(o)
	if err == nil {
		err = o.check()
	}
	if err != nil {
		return nil, r.corrupt(name, -1, fmt.Sprintf("its origin %q: %v", text, err))
	}
	return o, nil
}

// VerifyAll reads the whole file and compares its SHA-256 with the manifest's. A difference is a *CorruptError, which names the
// first wrong chunk when the checksums tell. It stops with the context's error when ctx ends.
func (r *Reader) VerifyAll(ctx context.Context) error {
	if r.closed.Load() {
		return fmt.Errorf("verify weights %s: the file is closed", r.path)
	}
	h := sha256.New()
	for at := 0; at < len(r.mapped); at += chunkSize {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("verify weights %s: %w", r.path, err)
		}
		part := r.mapped[at:min(at+chunkSize, len(r.mapped))]
		if fault := hashMapped(h, part); fault != "" {
			return r.corrupt("", at/r.want.Chunks.Size, fault)
		}
	}
	got := hex.EncodeToString(h.Sum(nil))
	if got == r.want.SHA256 {
		return nil
	}
	fresh := newChecker(r.check.covered, r.check.sums, r.check.size)
	if chunk, reason := fresh.check(0, len(fresh.covered)); chunk >= 0 {
		return r.corrupt("", chunk, reason)
	}
	return r.corrupt("", -1, fmt.Sprintf("its SHA-256 is %s, the manifest says %s", got, r.want.SHA256))
}

func hashMapped(h hash.Hash, b []byte) (fault string) {
	defer guard(&fault)()
	h.Write(b)
	return ""
}

// Close unmaps the file. No tensor of it may be used, and no call be under way, from then on. A second Close does nothing.
func (r *Reader) Close() error {
	if r.closed.Swap(true) {
		return nil
	}
	if err := unmapFile(r.mapped); err != nil {
		return fmt.Errorf("close weights %s: %w", r.path, err)
	}
	return nil
}
