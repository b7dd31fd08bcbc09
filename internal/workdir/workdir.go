//go:build unix

// Package workdir gives a process temporary directories of its own and clears away
// those of processes that died without doing so. A directory is owned through
// an flock on a file beside it: the kernel drops the lock with the last holder,
// so a lock that can be had means that the owner is gone, and no process id that
// might meanwhile belong to another has to be trusted. The simulator, the command
// line, the splitter and the writers of data files use it; it is no general file package.
package workdir

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	prefix = "shardwise-"
	suffix = ".lock"
)

// Dir is an owned temporary directory.
type Dir struct {
	path string
	lock *os.File

	once sync.Once
	err  error
}

// New creates an owned directory below parent. kind, of lower case letters, becomes part of its name: what it is for.
func New(parent, kind string) (*Dir, error) {
	for range 100 {
		base := filepath.Join(parent, prefix+kind+"-"+strings.ToLower(rand.Text()[:12]))
		lock, err := os.OpenFile(base+suffix, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("create work directory: %w", err)
		}
		held, err := Take(lock)
		if err == nil && held {
			err = os.Mkdir(base, 0o700)
			if err == nil {
				return &Dir{path: base, lock: lock}, nil
			}
		}
		if err = errors.Join(err, lock.Close()); err != nil {
			return nil, errors.Join(fmt.Errorf("create work directory: %w", err), os.Remove(base+suffix))
		}
		// A sweeping process took the new lock for a dead one's; try another name.
	}
	return nil, fmt.Errorf("create work directory below %s: a hundred names were taken", parent)
}

// Take locks f without waiting, until f is closed. It reports false when another holds the lock or
// when the name no longer leads to the file, which a sweep may have removed
// between opening and locking.
func Take(f *os.File) (bool, error) {
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			return false, nil
		}
		return false, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	mine, err := f.Stat()
	if err != nil {
		return false, err
	}
	named, err := os.Lstat(f.Name())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return os.SameFile(mine, named), nil
}

// Path returns the directory's absolute or parent-relative path.
func (d *Dir) Path() string { return d.path }

// Close removes the directory with all its contents, then its lock. It is
// idempotent.
func (d *Dir) Close() error {
	d.once.Do(func() {
		err := Remove(d.path)
		if err == nil {
			err = os.Remove(d.lock.Name())
		}
		if err = errors.Join(err, d.lock.Close()); err != nil {
			d.err = fmt.Errorf("remove work directory: %w", err)
		}
	})
	return d.err
}

// Remove deletes root and all below it, read-only directories included. A root
// that does not exist is no error.
func Remove(root string) error {
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil && d == nil {
			return err
		}
		if d.IsDir() {
			// Before its entries are listed, so that this also mends what others
			// did to the modes of their directories.
			return os.Chmod(p, 0o700)
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("make %s removable: %w", root, err)
	}
	return os.RemoveAll(root)
}

// Sweep removes the directories below parent that were left by processes of
// this user that no longer run, and returns their paths. What belongs to another
// user, to a running process, or is not named as New names it stays untouched.
func Sweep(parent string) ([]string, error) {
	locks, err := filepath.Glob(filepath.Join(parent, prefix+"*"+suffix))
	if err != nil {
		return nil, fmt.Errorf("look for stale work directories: %w", err)
	}
	var removed []string
	var faults []error
	for _, name := range locks {
		ok, err := sweep(name)
		if err != nil {
			faults = append(faults, fmt.Errorf("remove stale work directory of %s: %w", name, err))
		}
		if ok {
			removed = append(removed, strings.TrimSuffix(name, suffix))
		}
	}
	return removed, errors.Join(faults...)
}

func sweep(name string) (removed bool, err error) {
	info, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); !ok || int(owner.Uid) != os.Getuid() || !info.Mode().IsRegular() {
		return false, nil
	}
	lock, err := os.OpenFile(name, os.O_RDWR|unix.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	held, err := Take(lock)
	if err == nil && held {
		if err = Remove(strings.TrimSuffix(name, suffix)); err == nil {
			err = os.Remove(name)
			removed = err == nil
		}
	}
	return removed, errors.Join(err, lock.Close())
}
