//go:build unix

package sandbox

import (
	"io/fs"
	"path/filepath"
	"syscall"
)

// stored returns the bytes that the files of the environment's directory take up on disk. What cannot be read is left
// out: files come and go while they are counted. A file that was removed and is still open does not count.
func stored(dir string) (int64, bool) {
	var total int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			total += stat.Blocks * 512 // POSIX counts in these, whatever the file system's own
		}
		return nil
	})
	return total, err == nil
}

// storageLimit returns the bytes that the environment's directory may hold.
func (s *Spec) storageLimit() int64 { return int64(s.StorageMB) << 20 }
