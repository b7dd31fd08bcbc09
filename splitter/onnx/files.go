package onnx

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/splitter/layout"
)

// maxOpen is how many external files are open at once: exporters may write one for each tensor, and processes may have few.
const maxOpen = 64

// files reads the external files of one model's folder, opening them as needed. It is safe for concurrent use.
type files struct {
	dir string

	mu    sync.Mutex
	known map[string]*external // by location; guarded by mu
	open  []*external          // those with an open file, the least recently used first; guarded by mu
}

// external is one file; the first look at it is what later ones are held to.
type external struct {
	location string
	info     os.FileInfo
	file     *os.File // nil when it is closed
	readers  int      // calls that use file now
}

// size is the size of the file at the location.
func (f *files) size(location string) (int64, error) {
	e, err := f.acquire(location)
	if err != nil {
		return 0, err
	}
	f.release(e)
	return e.info.Size(), nil
}

// readAt reads from the file at the location as io.ReaderAt does.
func (f *files) readAt(location string, p []byte, off int64) (int, error) {
	e, err := f.acquire(location)
	if err != nil {
		return 0, err
	}
	defer f.release(e)
	return e.file.ReadAt(p, off)
}

// acquire opens the file, or takes it as it is open. The caller releases it.
func (f *files) acquire(location string) (*external, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e := f.known[location]
	if e == nil {
		e = &external{location: location}
	}
	if e.file == nil {
		if err := f.reopen(e); err != nil {
			return nil, err
		}
		f.known[location] = e
	}
	e.readers++
	f.touch(e)
	return e, nil
}

// reopen opens the file and makes sure that it is still the one that was looked at first.
func (f *files) reopen(e *external) error {
	file, err := onnx.OpenExternal(f.dir, e.location)
	if err != nil {
		return &layout.RefusalError{Subject: "external data " + e.location, Reason: err.Error(), Remedy: "put the file of external data beside the model, as the exporter wrote it"}
	}
	info, err := file.Stat()
	if err == nil && e.info != nil && (!os.SameFile(info, e.info) || info.Size() != e.info.Size() || !info.ModTime().Equal(e.info.ModTime())) {
		err = fmt.Errorf("external data %s: the file was changed while the model was read", e.location)
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	e.file, e.info = file, info
	f.open = append(f.open, e)
	return f.shrink()
}

// shrink closes files that nobody reads when there are too many. A file that is read stays.
func (f *files) shrink() error {
	var err error
	for i := 0; i < len(f.open) && len(f.open) > maxOpen; {
		e := f.open[i]
		if e.readers > 0 || i == len(f.open)-1 { // the last one was opened for this call
			i++
			continue
		}
		err = errors.Join(err, e.file.Close())
		e.file = nil
		f.open = append(f.open[:i], f.open[i+1:]...)
	}
	return err
}

// touch makes the file the most recently used.
func (f *files) touch(e *external) {
	for i, o := range f.open {
		if o == e {
			copy(f.open[i:], f.open[i+1:])
			f.open[len(f.open)-1] = e
			return
		}
	}
}

func (f *files) release(e *external) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e.readers--
}

// locations are the files that weights lie in, ascending.
func (f *files) locations() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return sorted(f.known)
}

// close closes all files; no reader may be left.
func (f *files) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var err error
	for _, e := range f.open {
		err = errors.Join(err, e.file.Close())
		e.file = nil
	}
	f.open = nil
	return err
}

// externalReader reads one file of external data.
type externalReader struct {
	files    *files
	location string
}

// ReadAt implements io.ReaderAt.
func (r externalReader) ReadAt(p []byte, off int64) (int, error) {
	return r.files.readAt(r.location, p, off)
}
