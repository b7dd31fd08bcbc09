package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/shardwise/shardwise/internal/dataset"
	"github.com/shardwise/shardwise/internal/manifest"
)

// partName is how finish calls the file of one block.
var partName = regexp.MustCompile(`^[0-9]+\.(csv|jsonl|npy)$`)

// checkBatchOutput refuses, before any row is predicted, an output that could not be written at the end: more outputs than the
// format holds, a folder that takes no file, or one that has parts of another batch, which nobody could tell from this one's.
func checkBatchOutput(m *manifest.Manifest, f *batchFlags, format dataset.Format) error {
	outputs, err := m.ResolveOutputs(f.outputs)
	if err != nil {
		return err
	}
	if format == dataset.NPY && len(outputs) != 1 {
		return fmt.Errorf("--output %s: npy holds one array, there are %d outputs: select one by --outputs, or take csv or jsonl", f.output, len(outputs))
	}
	if remote(f.output) {
		return nil
	}
	folder := filepath.Dir(f.output)
	if strings.HasSuffix(f.output, "/") {
		if folder, err = emptyOfParts(f.output); err != nil {
			return err
		}
	}
	probe, err := os.CreateTemp(folder, ".shardwise.*.part")
	if err != nil {
		return fmt.Errorf("--output %s takes no file: %w", f.output, err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// emptyOfParts refuses a folder with parts of an earlier batch, and returns the folder that a new file needs to be possible in:
// itself, or the nearest above it that exists.
func emptyOfParts(folder string) (string, error) {
	list, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		above := filepath.Clean(folder)
		for errors.Is(err, fs.ErrNotExist) {
			above = filepath.Dir(above)
			_, err = os.Stat(above)
		}
		return above, err
	}
	if err != nil {
		return "", fmt.Errorf("--output: %w", err)
	}
	for _, e := range list {
		if partName.MatchString(e.Name()) {
			return "", fmt.Errorf("--output %s holds %s of another batch, which would stand among the parts of this one: remove it, or name another folder", folder, e.Name())
		}
	}
	return folder, nil
}

// claim makes an empty file where a part will go, unless there is a file: of two batches at once one goes no further.
func claim(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return asInput(fmt.Errorf("%s has been written by another batch since this one began, and was left as it is: one folder takes one batch; name another", path))
	}
	if err != nil {
		return asInput(err)
	}
	return f.Close()
}
