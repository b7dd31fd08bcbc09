package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/splitter"
)

// reading is a file that a command reads, and what it is to the command.
type reading struct{ what, path string }

// reads lists the files that predict and verify read beside the model.
func (f *predictFlags) reads() []reading {
	return append(f.conditions.reads(), reading{"the input", f.input}, reading{"the file of expected values", f.expect})
}

// reads lists the files of the conditions. The name of a built-in network may be that of a file that plays no part; it is spared as well.
func (c *conditionFlags) reads() []reading {
	list := []reading{{"the file of faults", c.faults}}
	if _, err := os.Stat(c.network); err == nil {
		list = append(list, reading{"the file of the network", c.network})
	}
	return list
}

// guard refuses an --output or --trace that would replace what the command reads, and a trace in the output's place.
func (f *predictFlags) guard(cmd *cobra.Command, model string) error {
	if f.output != "-" {
		if err := guardFile(cmd, "--output", f.output, model, f.reads()); err != nil {
			return err
		}
	}
	if err := guardFile(cmd, "--trace", f.trace, model, f.reads()); err != nil {
		return err
	}
	return guardPair(cmd, "--trace", f.trace, "--output", f.output)
}

// guardPair refuses two files to write, both given, that are one.
func guardPair(cmd *cobra.Command, flag, path, otherFlag, other string) error {
	if path == "" || other == "" {
		return nil
	}
	found, err := os.Stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return asInput(fmt.Errorf("%s: %w", flag, err))
	}
	same := filepath.Clean(path) == filepath.Clean(other)
	if info, err := os.Stat(other); err == nil && found != nil {
		same = same || os.SameFile(found, info)
	}
	if same {
		return usage(cmd, "%s and %s both name %s; name two files", flag, otherFlag, path)
	}
	return nil
}

// guardFile refuses a file to write that would replace what the command reads: the files listed, the model file and those that it
// names as members, anything in or of the model directory; and anything in another directory that split wrote. Names are compared by
// the files they lead to, so that links and other spellings do not help. It also refuses what is no regular file, which a
// finished file could not take the place of.
func guardFile(cmd *cobra.Command, flag, path, model string, reads []reading) error {
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
	for _, read := range append(reads, reading{"the model", model}) {
		if same, err := leadsTo(read.path, found); err != nil {
			return err
		} else if same {
			return usage(cmd, "%s %s would overwrite %s, %s; name another file", flag, path, read.what, read.path)
		}
	}
	if err := guardMembers(cmd, flag, path, found, model); err != nil {
		return err
	}
	return guardDirectory(cmd, flag, path, found, model)
}

// guardMembers refuses an output that is one of the files that a description of an ensemble names.
func guardMembers(cmd *cobra.Command, flag, path string, found fs.FileInfo, model string) error {
	if info, err := os.Stat(model); err != nil || !info.Mode().IsRegular() || found == nil {
		return nil // what is wrong with the model is for its opening to say
	}
	members, err := splitter.Members(model)
	if err != nil {
		return splitError(cmd.Context(), model, err)
	}
	for _, m := range members {
		same, err := leadsTo(m, found)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if same {
			return usage(cmd, "%s %s would overwrite a member of the model, %s; name another file", flag, path, m)
		}
	}
	return nil
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
		return guardSplits(cmd, flag, output)
	}
	inside, err := liesIn(output, dir)
	if err != nil {
		return asInput(fmt.Errorf("%s: %w", flag, err))
	}
	if inside {
		return usage(cmd, "%s %s lies in the model directory %s, whose files are what split wrote; name a file elsewhere", flag, output, model)
	}
	if err := guardSplits(cmd, flag, output); err != nil {
		return err
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

// guardSplits refuses an output in a folder that split wrote, by the name as given and with all links followed.
func guardSplits(cmd *cobra.Command, flag, output string) error {
	folders := []string{filepath.Dir(output)}
	if target, err := filepath.EvalSymlinks(output); err == nil {
		folders = append(folders, filepath.Dir(target))
	}
	for _, folder := range folders {
		_, err1 := os.Stat(filepath.Join(folder, manifest.FileName))
		_, err2 := os.Stat(filepath.Join(folder, manifest.DeploymentFileName))
		if err1 == nil && err2 == nil {
			return usage(cmd, "%s %s lies in the model directory %s, whose files are what split wrote; name a file elsewhere", flag, output, folder)
		}
	}
	return nil
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
