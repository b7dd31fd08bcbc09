package splitter

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/shardwise/shardwise/internal/workdir"
)

// staging is the directory beside the output in which it comes into being. Its lock ends with the process, and so tells others that
// the maker lives.
type staging struct {
	path string
	lock *os.File
}

// newStaging removes what makers of the same output left when they were killed, and makes a directory of its own. Where a file system
// knows no locks the directory can be neither locked nor swept, and serves as well.
func newStaging(out string) (*staging, error) {
	parent, prefix := filepath.Dir(out), "."+filepath.Base(out)+".partial-"
	sweepStaging(parent, prefix)
	for {
		path, err := os.MkdirTemp(parent, prefix)
		if err != nil {
			return nil, fmt.Errorf("split: make a staging directory: %w", err)
		}
		lock, err := openDirectory(path)
		if errors.Is(err, os.ErrNotExist) {
			continue // a sweep took it for a dead one's before it was locked
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("split: open the staging directory: %w", err), os.Remove(path))
		}
		if mine, err := workdir.Take(lock); err == nil && !mine {
			if err := lock.Close(); err != nil {
				return nil, err
			}
			continue // the same; the sweep removes it
		}
		return &staging{path: path, lock: lock}, nil
	}
}

// close gives the lock back; what became of the directory is for the caller to know.
func (s *staging) close() error { return s.lock.Close() }

func openDirectory(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
}

// sweepStaging removes the staging directories of dead makers. What it cannot have it leaves: leftovers are a nuisance to their owner, no
// reason not to split.
func sweepStaging(parent, prefix string) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return // making the directory tells why
	}
	for _, e := range entries {
		random, begins := strings.CutPrefix(e.Name(), prefix)
		if !begins || !e.IsDir() || random == "" || strings.Trim(random, "0123456789") != "" {
			continue
		}
		path := filepath.Join(parent, e.Name())
		dir, err := openDirectory(path)
		if err != nil {
			continue
		}
		if mine, err := workdir.Take(dir); err == nil && mine {
			_ = os.RemoveAll(path)
		}
		_ = dir.Close()
	}
}
