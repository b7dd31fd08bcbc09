package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

// guard refuses an --output or --trace that would replace what the command reads, and a trace in the output's place.
func (f *predictFlags) guard(cmd *cobra.Command, model string) error {
	if f.output != "-" {
		if err := f.guardFile(cmd, "--output", f.output, model); err != nil {
			return err
		}
	}
	if err := f.guardFile(cmd, "--trace", f.trace, model); err != nil || f.trace == "" || f.output == "" {
		return err
	}
	found, err := os.Stat(f.trace)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return asInput(fmt.Errorf("--trace: %w", err))
	}
	same := filepath.Clean(f.trace) == filepath.Clean(f.output)
	if output, err := os.Stat(f.output); err == nil && found != nil {
		same = same || os.SameFile(found, output)
	}
	if same {
		return usage(cmd, "--trace and --output both name %s; name two files", f.trace)
	}
	return nil
}

// guardFile refuses a file to write that would replace what the command reads: the input, the expected values, the model file,
// anything in or of the model directory. Names are compared by the files they lead to, so that links and other
// spellings do not help. It also refuses what is no regular file, which a finished file could not take the place of.
func (f *predictFlags) guardFile(cmd *cobra.Command, flag, path, model string) error {
	if path == "" {
		return nil
	}
	if _, err := os.Stat(filepath.Dir(path)); errors.Is(err, fs.ErrNotExist) {
		return usage(cmd, "%s %s: there is no folder %s; make the folder first", flag, path, filepath.Dir(path))
	}
	found, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		found = nil
	case err != nil:
		return asInput(fmt.Errorf("%s: %w", flag, err))
	case found.IsDir():
		return usage(cmd, "%s %s is a directory; name a file in it", flag, path)
	case !found.Mode().IsRegular():
		return usage(cmd, "%s %s is no regular file; name a file", flag, path)
	}
	for _, read := range []struct{ what, path string }{
		{"the input", f.input}, {"the file of expected values", f.expect}, {"the model", model},
	} {
		if same, err := leadsTo(read.path, found); err != nil {
			return err
		} else if same {
			return usage(cmd, "%s %s would overwrite %s, %s; name another file", flag, path, read.what, read.path)
		}
	}
	return guardDirectory(cmd, flag, path, found, model)
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
func guardDirectory(cmd *cobra.Command, flag, output string, found fs.FileInfo, model string) error {
	dir, err := os.Stat(model)
	if err != nil {
		return asInput(fmt.Errorf("open model: %w", err))
	}
	if !dir.IsDir() {
		return nil
	}
	inside, err := liesIn(output, dir)
	if err != nil {
		return asInput(fmt.Errorf("%s: %w", flag, err))
	}
	if inside {
		return usage(cmd, "%s %s lies in the model directory %s, whose files are what split wrote; name a file elsewhere", flag, output, model)
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
			err = usage(cmd, "%s %s would overwrite a file of the model directory, %s; name another file", flag, output, path)
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
