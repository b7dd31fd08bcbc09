package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

// guardOutput refuses an --output that would replace what the command reads: the input, the expected values, the model file,
// anything in or of the model directory. Names are compared by the files they lead to, so that links and other
// spellings do not help. It also refuses what is no regular file, which a finished file could not take the place of.
func guardOutput(cmd *cobra.Command, f *predictFlags, model string) error {
	if f.output == "" || f.output == "-" {
		return nil
	}
	found, err := os.Stat(f.output)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		found = nil
	case err != nil:
		return asInput(fmt.Errorf("--output: %w", err))
	case found.IsDir():
		return usage(cmd, "--output %s is a directory; name a file in it", f.output)
	case !found.Mode().IsRegular():
		return usage(cmd, "--output %s is no regular file; name a file, or - for standard output", f.output)
	}
	for _, read := range []struct{ what, path string }{
		{"the input", f.input}, {"the file of expected values", f.expect}, {"the model", model},
	} {
		if same, err := leadsTo(read.path, found); err != nil {
			return err
		} else if same {
			return usage(cmd, "--output %s would overwrite %s, %s; name another file", f.output, read.what, read.path)
		}
	}
	return guardDirectory(cmd, f.output, found, model)
}

// leadsTo reports whether path, if there is one, is the file found, if there is one.
func leadsTo(path string, found fs.FileInfo) (bool, error) {
	if path == "" || found == nil {
		return false, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return false, asInput(err)
	}
	return os.SameFile(info, found), nil
}

// guardDirectory refuses an output that lies in the model directory, or that a link in it leads to.
func guardDirectory(cmd *cobra.Command, output string, found fs.FileInfo, model string) error {
	dir, err := os.Stat(model)
	if err != nil {
		return asInput(fmt.Errorf("open model: %w", err))
	}
	if !dir.IsDir() {
		return nil
	}
	inside, err := liesIn(output, dir)
	if err != nil {
		return asInput(fmt.Errorf("--output: %w", err))
	}
	if inside {
		return usage(cmd, "--output %s lies in the model directory %s, whose files are what split wrote; name a file elsewhere", output, model)
	}
	return filepath.WalkDir(model, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return asInput(err)
		}
		same, err := leadsTo(path, found)
		if errors.Is(err, fs.ErrNotExist) { // a link to nowhere; whether it matters is for the loading to say
			return nil
		}
		if err == nil && same {
			err = usage(cmd, "--output %s would overwrite a file of the model directory, %s; name another file", output, path)
		}
		return err
	})
}

// liesIn reports whether one of the folders above output is dir, by the name as given and with all links followed.
func liesIn(output string, dir fs.FileInfo) (bool, error) {
	folder, err := filepath.EvalSymlinks(filepath.Dir(output))
	if err != nil {
		return false, err
	}
	folders := []string{folder}
	if target, err := filepath.EvalSymlinks(output); err == nil {
		folders = append(folders, filepath.Dir(target))
	} else if !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	for _, f := range folders {
		if f, err = filepath.Abs(f); err != nil {
			return false, err
		}
		for {
			info, err := os.Stat(f)
			if err != nil {
				return false, err
			}
			if os.SameFile(info, dir) {
				return true, nil
			}
			up := filepath.Dir(f)
			if up == f {
				break
			}
			f = up
		}
	}
	return false, nil
}
