// Package tasktree lays out a function's files as AWS Lambda lays out /var/task:
// one directory that the function may read and not write. Files are hard links
// where source and tree share a file system, symbolic links where they do not,
// so a model of many gigabytes costs neither time nor space.
//
// The directories are read-only, so no entry can be added, replaced or removed
// by the function (unless it runs as root, whom permissions do not bind). A
// link shares its source's own permission bits; these are left alone. Only the
// simulator uses this package.
package tasktree

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"

	"github.com/shardwise/shardwise/internal/workdir"
)

// File is one entry of a tree: Name is its slash-separated path below the root,
// Source the regular file of the host that it shows.
type File struct {
	Name   string
	Source string
}

// Check reports every fault of the list that can be told without touching a
// disk: names that are empty, absolute, not in shortest form or that leave the
// root, names given twice, and a file used as a directory by another.
func Check(files []File) error {
	var faults []error
	seen := make(map[string]bool, len(files))
	for _, f := range files {
		switch {
		case !filepath.IsLocal(f.Name) || path.Clean(f.Name) != f.Name || f.Name == ".":
			faults = append(faults, fmt.Errorf("file name %q: want a clean relative path inside the task root", f.Name))
		case seen[f.Name]:
			faults = append(faults, fmt.Errorf("file name %q stands twice; names must differ", f.Name))
		case f.Source == "":
			faults = append(faults, fmt.Errorf("file %q has no source path", f.Name))
		}
		seen[f.Name] = true
	}
	for _, f := range files {
		for d := path.Dir(f.Name); d != "." && d != "/"; d = path.Dir(d) {
			if seen[d] {
				faults = append(faults, fmt.Errorf("file %q lies below %q, which is itself a file", f.Name, d))
			}
		}
	}
	return errors.Join(faults...)
}

// Lay creates root, which must not exist, with the files in it, and makes its
// directories read-only. On an error nothing of root is left.
func Lay(root string, files []File) (err error) {
	if err := Check(files); err != nil {
		return fmt.Errorf("lay out %s: %w", root, err)
	}
	if err := os.Mkdir(root, 0o755); err != nil {
		return fmt.Errorf("lay out task root: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, Remove(root))
		}
	}()
	for _, f := range files {
		if err := lay(filepath.Join(root, filepath.FromSlash(f.Name)), f.Source); err != nil {
			return fmt.Errorf("lay out file %q: %w", f.Name, err)
		}
	}
	return filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(p, 0o555)
		}
		return err
	})
}

func lay(target, source string) error {
	// A relative symbolic link would mean something else inside the tree.
	source, err := filepath.Abs(source)
	if err != nil {
		return err
	}
	if source, err = filepath.EvalSymlinks(source); err != nil {
		return err
	}
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("source %s: want a regular file, found %s", source, info.Mode())
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	err = os.Link(source, target)
	if errors.Is(err, syscall.EXDEV) || errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.EMLINK) {
		return os.Symlink(source, target)
	}
	return err
}

// Remove deletes root and all below it, read-only directories included. A root
// that does not exist is no error.
func Remove(root string) error { return workdir.Remove(root) }
