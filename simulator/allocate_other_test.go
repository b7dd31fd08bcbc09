//go:build unix && !linux

package simulator_test

import "os"

// allocated makes a file of n bytes.
func allocated(path string, n int64) error { return os.WriteFile(path, make([]byte, n), 0o600) }
