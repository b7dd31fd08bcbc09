//go:build !linux

package splitter

import "os"

// writeback is the system's own affair where there is no call for it.
func writeback(*os.File, int64, int64) {}
