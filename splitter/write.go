package splitter

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/shardfile"
	"github.com/shardwise/shardwise/splitter/layout"
)

// writeBuffer is the size of the buffer in front of each file: large enough for sequential writes at the disk's speed, small enough that what is
// hashed and written is still in the processor's cache.
const writeBuffer = 256 << 10

// writers is how many files are written at the same time: one waits for the disk while another copies and hashes.
const writers = 4

// writer writes a layout's files.
type writer struct {
	dir      string
	progress Progress
	total    int64

	mu   sync.Mutex
	done int64 // guarded by mu, which also keeps progress to one caller at a time
}

// all writes every file and enters it in the manifest in the layout's order, and hashes the sources meanwhile.
func (w *writer) all(ctx context.Context, l *layout.Layout, sourceDir string) error {
	entries := make([]manifest.File, len(l.Files))
	g, ctx := errgroup.WithContext(ctx)
	limit := 1
	if l.Concurrent {
		limit = writers + 1 // a file waits for no source
	}
	g.SetLimit(limit)
	g.Go(func() error { return hashSources(ctx, l.Manifest, sourceDir) })
	for i, f := range l.Files {
		g.Go(func() (err error) {
			if entries[i], err = w.file(ctx, f); err != nil {
				return fmt.Errorf("split: write %s: %w", f.Path, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, f := range l.Files {
		if err := enter(l.Manifest, f.Shard, entries[i]); err != nil {
			return fmt.Errorf("split: write %s: %w", f.Path, err)
		}
	}
	return nil
}

func plannedBytes(l *layout.Layout) int64 {
	var total int64
	for _, f := range l.Files {
		total += int64(len(f.Bytes))
		if f.Weights == nil {
			continue
		}
		for _, t := range f.Weights.Tensors {
			if n, err := t.Shape.Elements(); err == nil {
				total += int64(n) * int64(t.DType.Size())
			}
		}
	}
	return total
}

func (w *writer) file(ctx context.Context, f layout.File) (manifest.File, error) {
	entry := manifest.File{Role: f.Role, Path: f.Path}
	if err := ctx.Err(); err != nil {
		return entry, err
	}
	path := filepath.Join(w.dir, filepath.FromSlash(f.Path))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return entry, err
	}
	if f.Weights != nil {
		err := w.weights(ctx, path, f, &entry)
		return entry, err
	}
	sum := sha256.Sum256(f.Bytes)
	entry.Bytes, entry.SHA256 = int64(len(f.Bytes)), hex.EncodeToString(sum[:])
	if err := writeFile(path, f.Bytes); err != nil {
		return entry, err
	}
	w.advance(int64(len(f.Bytes)), f.Path)
	return entry, nil
}

// enter adds the finished file to its owner in the manifest.
func enter(m *manifest.Manifest, shard int, entry manifest.File) error {
	switch {
	case shard == layout.CoordinatorFile && m.Local != nil:
		m.Local.Files = append(m.Local.Files, entry)
	case shard >= 0 && shard < len(m.Shards):
		m.Shards[shard].Files = append(m.Shards[shard].Files, entry)
	default:
		return fmt.Errorf("the layout gives it to shard %d of %d, which does not exist", shard, len(m.Shards))
	}
	return nil
}

func (w *writer) weights(ctx context.Context, path string, f layout.File, entry *manifest.File) (err error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := file.Close(); err == nil {
			err = cerr
		}
	}()
	buf := bufio.NewWriterSize(&progressWriter{w: w, ctx: ctx, out: &early{file: file}, name: f.Path}, writeBuffer)
	sw, err := shardfile.NewWriter(buf, f.Weights.Tensors, nil)
	if err != nil {
		return err
	}
	for i := range f.Weights.Tensors {
		if err := ctx.Err(); err != nil {
			return err
		}
		write := func(out io.Writer) error { return f.Weights.Write(ctx, i, out) }
		if err := sw.WriteTensor(write); err != nil {
			return fmt.Errorf("tensor %s: %w", f.Weights.Tensors[i].Name, err)
		}
	}
	sum, err := sw.Close()
	if err != nil {
		return err
	}
	if err := buf.Flush(); err != nil {
		return err
	}
	entry.Bytes, entry.SHA256, entry.Chunks = sum.Bytes, sum.SHA256, &sum.Chunks
	return file.Sync()
}

func (w *writer) advance(n int64, name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done += n
	if w.progress != nil {
		w.progress(w.done, max(w.total, w.done), name)
	}
}

// progressWriter reports what passes through and stops when the context ends.
type progressWriter struct {
	w    *writer
	ctx  context.Context
	out  io.Writer
	name string
}

func (p *progressWriter) Write(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := p.out.Write(b)
	p.w.advance(int64(n), p.name)
	return n, err
}

// writeFile writes a small file and makes it durable.
func writeFile(path string, data []byte) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Sync()
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("split: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("split: make %s durable: %w", dir, err)
	}
	return nil
}

// hashSources fills in the SHA-256 of each source file, which lies in dir or below. The first is the one that the user named, which may be a link to anywhere;
// the others are what it names.
func hashSources(ctx context.Context, m *manifest.Manifest, dir string) error {
	for i := range m.Sources {
		name := filepath.FromSlash(m.Sources[i].File)
		open := func() (*os.File, error) { return os.OpenInRoot(dir, name) }
		if i == 0 {
			open = func() (*os.File, error) { return os.Open(filepath.Join(dir, name)) }
		}
		sum, err := hashFile(ctx, open)
		if err != nil {
			return fmt.Errorf("split: hash the model file: %w", err)
		}
		m.Sources[i].SHA256 = sum
	}
	return nil
}

func hashFile(ctx context.Context, open func() (*os.File, error)) (string, error) {
	f, err := open()
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	buf := make([]byte, writeBuffer)
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		n, err := f.Read(buf)
		h.Write(buf[:n])
		if err == io.EOF {
			return hex.EncodeToString(h.Sum(nil)), nil
		}
		if err != nil {
			return "", err
		}
	}
}
