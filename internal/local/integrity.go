package local

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/shardwise/shardwise/internal/manifest"
)

// hashBuffer is the size of the reads while hashing.
const hashBuffer = 1 << 20

// owned is a file of the manifest with the function that holds it.
type owned struct {
	owner string
	manifest.File
}

func allFiles(m *manifest.Manifest) []owned {
	var list []owned
	if m.Local != nil {
		for _, f := range m.Local.Files {
			list = append(list, owned{"coordinator", f})
		}
	}
	for i := range m.Shards {
		for _, f := range m.Shards[i].Files {
			list = append(list, owned{fmt.Sprintf("shard %d/%d", i, len(m.Shards)), f})
		}
	}
	return list
}

// TotalBytes is the size of all the manifest's files.
func TotalBytes(m *manifest.Manifest) int64 {
	var n int64
	for _, f := range allFiles(m) {
		n += f.Bytes
	}
	return n
}

// CheckFiles reports every file of the manifest that is missing from dir or has another size, all at once. It reads no
// file; the shards check contents before they use them.
func CheckFiles(dir string, m *manifest.Manifest) error {
	var faults []error
	for _, f := range allFiles(m) {
		info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(f.Path)))
		switch {
		case errors.Is(err, os.ErrNotExist):
			faults = append(faults, fmt.Errorf("%s: file %s is missing; copy the whole directory again, or split the model again", f.owner, f.Path))
		case err != nil:
			faults = append(faults, fmt.Errorf("%s: %w", f.owner, err))
		case info.Size() != f.Bytes:
			faults = append(faults, fmt.Errorf("%s: file %s has %d bytes, the manifest says %d; copy the file again, or split the model again",
				f.owner, f.Path, info.Size(), f.Bytes))
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %w", dir, errors.Join(faults...))
}

// CheckHashes reads every file of the manifest and reports those whose SHA-256 is another, all at once. progress, when not
// nil, hears how many bytes have been read.
func CheckHashes(ctx context.Context, dir string, m *manifest.Manifest, progress func(done int64)) error {
	if err := CheckFiles(dir, m); err != nil {
		return err
	}
	var faults []error
	var done int64
	advance := func(n int) {
		done += int64(n)
		if progress != nil {
			progress(done)
		}
	}
	for _, f := range allFiles(m) {
		sum, err := hash(ctx, filepath.Join(dir, filepath.FromSlash(f.Path)), advance)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", f.owner, err))
		} else if sum != f.SHA256 {
			faults = append(faults, fmt.Errorf("%s: file %s is not the one that was written: sha-256 %.12s..., the manifest says %.12s...; copy the file again, or split the model again",
				f.owner, f.Path, sum, f.SHA256))
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %w", dir, errors.Join(faults...))
}

func hash(ctx context.Context, path string, advance func(n int)) (sum string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	buf := make([]byte, hashBuffer)
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		n, err := f.Read(buf)
		h.Write(buf[:n])
		advance(n)
		if errors.Is(err, io.EOF) {
			return hex.EncodeToString(h.Sum(nil)), nil
		}
		if err != nil {
			return "", err
		}
	}
}
