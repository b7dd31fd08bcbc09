package onnx

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// checkLocation refuses the locations of external data that could name a file outside the model's folder.
func checkLocation(location string) error {
	if location == "" {
		return errors.New("external data without a location")
	}
	if strings.ContainsAny(location, "\\\x00") || !filepath.IsLocal(filepath.FromSlash(location)) {
		return fmt.Errorf("external data lie at %q, which is not a path inside the model's folder", location)
	}
	return nil
}

// OpenExternal opens a file of external data, which lies in dir or below. Symbolic links may not lead out of dir, and
// the file may have no other hard link: otherwise a model could make its reader copy any file of the machine.
func OpenExternal(dir, location string) (*os.File, error) {
	if err := checkLocation(location); err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("onnx: open the model's folder: %w", err)
	}
	defer root.Close()
	f, err := root.OpenFile(filepath.FromSlash(location), os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe would wait for its writer
	if err != nil {
		return nil, fmt.Errorf("onnx: open external data %q (it must lie in the model's folder; links out of it are refused): %w", location, err)
	}
	info, err := f.Stat()
	if err == nil {
		err = checkPlain(location, info)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func checkPlain(location string, info os.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("onnx: external data %q are not a regular file", location)
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok && uint64(s.Nlink) > 1 {
		return fmt.Errorf("onnx: external data %q have %d hard links, wanted one: copy the file", location, s.Nlink)
	}
	return nil
}
