package simulator_test

import (
	"errors"
	"os"
	"syscall"
)

// allocated makes a file whose blocks are there without being written.
func allocated(path string, n int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(syscall.Fallocate(int(f.Fd()), 0, 0, n), f.Close())
}
