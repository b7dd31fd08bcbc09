package splitter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/splitter/layout"
)

// Progress hears what Split is at: the bytes written so far of all that will be written, and the file at hand.
// It is called often, from several goroutines but by one at a time. Nil is legal.
type Progress func(done, total int64, file string)

// Split cuts the model file at path into the directory out, which must not exist or be empty, and returns the manifest
// as written. Options.Name defaults to the file's name. On any error, cancellation included, out is as it was before.
func Split(ctx context.Context, path, out string, o layout.Options, progress Progress) (*manifest.Manifest, error) {
	if err := checkOptions(o); err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("open model: %w", err)
	}
	if err := checkTarget(out); err != nil {
		return nil, err
	}
	if o.Name == "" {
		o.Name = modelName(path)
	}
	if o.Version == "" {
		o.Version = "1"
	}
	model, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer model.Close()
	l, err := model.Layout(ctx, o)
	if err != nil {
		return nil, err
	}
	if l.Close != nil {
		defer l.Close()
	}
	if err := chooseEngines(l, o); err != nil {
		return nil, err
	}
	return write(ctx, l, filepath.Dir(path), out, progress)
}

func checkOptions(o layout.Options) error {
	if err := checkEngine(o.Engine); err != nil {
		return err
	}
	if o.Name != "" {
		if err := manifest.CheckName(o.Name); err != nil {
			return &layout.RefusalError{Subject: "split options", Reason: err.Error(), Remedy: "give another name, or none for the file's"}
		}
	}
	if o.Version != "" {
		if err := manifest.CheckVersion(o.Version); err != nil {
			return &layout.RefusalError{Subject: "split options", Reason: err.Error(), Remedy: "give another version, or none for 1"}
		}
	}
	switch {
	case o.Shards < 0 || o.MemoryMB < 0:
		return &layout.RefusalError{Subject: "split options", Reason: "the number of shards and the memory must be positive", Remedy: "give --shards N or --memory MB"}
	case o.Latency < 0 || o.MaxCost < 0 || o.Rows < 0:
		return &layout.RefusalError{Subject: "split options", Reason: "the latency, the cost and the rows must be positive", Remedy: "leave away what does not matter"}
	case o.Latency > 0 || o.MaxCost > 0:
	case (o.Shards > 0) == (o.MemoryMB > 0):
		return &layout.RefusalError{Subject: "split options", Reason: "exactly one of the number of shards and the memory per function is wanted", Remedy: "give --shards N or --memory MB"}
	}
	return nil
}

func checkTarget(out string) error {
	if info, err := os.Stat(out); err == nil && !info.IsDir() {
		return &layout.RefusalError{Subject: out, Reason: "exists and is no directory", Remedy: "choose another directory or remove the file"}
	}
	entries, err := os.ReadDir(out)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("split into %s: %w", out, err)
	case len(entries) > 0:
		return &layout.RefusalError{Subject: out, Reason: "exists and is not empty", Remedy: "choose another directory or remove this one"}
	}
	return nil
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// maxName is the manifest's limit on model names.
const maxName = 40

// modelName makes a model name of the file's own name. Where the file lies plays no part: the same file gives the same
// output wherever it is.
func modelName(path string) string {
	base := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	name := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(base), "-"), "-")
	if len(name) > maxName {
		name = strings.Trim(name[:maxName], "-")
	}
	if name == "" {
		return "model"
	}
	return name
}

// write puts the layout into a staging directory beside out and renames it to out when everything is in place.
func write(ctx context.Context, l *layout.Layout, sourceDir, out string, progress Progress) (m *manifest.Manifest, err error) {
	out = filepath.Clean(out)
	made := missing(filepath.Dir(out))
	defer func() {
		if err != nil {
			err = errors.Join(err, removeEmpty(made))
		}
	}()
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return nil, fmt.Errorf("split: %w", err)
	}
	staged, err := newStaging(out)
	if err != nil {
		return nil, err
	}
	stage := staged.path
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(stage))
		}
		err = errors.Join(err, staged.close())
	}()
	if err := os.Chmod(stage, 0o755); err != nil {
		return nil, fmt.Errorf("split: %w", err)
	}
	m = l.Manifest
	w := &writer{dir: stage, progress: progress, total: plannedBytes(l)}
	if err := w.all(ctx, l, sourceDir); err != nil {
		return nil, err
	}
	if err := writeContracts(m, deployment(l), stage, maxManifest); err != nil {
		return nil, err
	}
	return m, commit(stage, out)
}

// missing are dir and the folders above it that do not exist, the deepest first.
func missing(dir string) []string {
	var list []string
	for {
		if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) || filepath.Dir(dir) == dir {
			return list
		}
		list, dir = append(list, dir), filepath.Dir(dir)
	}
}

// removeEmpty removes folders, the deepest first, up to one that others have put something into.
func removeEmpty(dirs []string) error {
	for _, dir := range dirs {
		switch err := os.Remove(dir); {
		case errors.Is(err, fs.ErrExist): // not empty
			return nil
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("split: remove a folder that was made for the output: %w", err)
		}
	}
	return nil
}

// maxManifest is the size in bytes up to which readers take a manifest.
const maxManifest = manifest.MaxBytes

// deployment is the default one, with at least the memory that the plan was chosen for: it decides the functions' speed.
func deployment(l *layout.Layout) *manifest.Deployment {
	d := manifest.DefaultDeployment(l.Manifest)
	d.Coordinator.MemoryMB = max(d.Coordinator.MemoryMB, l.CoordinatorMB)
	for i := range d.Shards {
		d.Shards[i].MemoryMB = max(d.Shards[i].MemoryMB, l.ShardMB)
	}
	return d
}

// writeContracts validates the finished manifest and writes it and the deployment. A manifest of more than limit
// bytes, which nobody could read, is refused.
func writeContracts(m *manifest.Manifest, d *manifest.Deployment, dir string, limit int) error {
	if err := m.Validate(); err != nil {
		return fmt.Errorf("split: the manifest it made is not valid, which is a bug: %w", err)
	}
	canonical, err := manifest.Canonical(m)
	if err != nil {
		return fmt.Errorf("split: %w", err)
	}
	if len(canonical) > limit {
		return &layout.RefusalError{Subject: "the model", Reason: fmt.Sprintf("its manifest has %d bytes in %d shards, at most %d can be read", len(canonical), len(m.Shards), limit),
			Remedy: "split it into fewer shards, or give its features shorter names"}
	}
	if err := writeFile(filepath.Join(dir, manifest.FileName), canonical); err != nil {
		return err
	}
	deployment, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return fmt.Errorf("split: %w", err)
	}
	return writeFile(filepath.Join(dir, manifest.DeploymentFileName), append(deployment, '\n'))
}

// commit makes the staging directory durable and gives it its name. An empty directory of that name is replaced.
func commit(stage, out string) error {
	if err := syncDir(stage); err != nil {
		return err
	}
	taken := &layout.RefusalError{Subject: out, Reason: "was filled by another while the model was split", Remedy: "look at what is there, or choose another directory"}
	switch err := os.Remove(out); {
	case errors.Is(err, fs.ErrExist): // not empty
		return taken
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("split: replace the empty directory: %w", err)
	}
	switch err := os.Rename(stage, out); {
	case errors.Is(err, fs.ErrExist):
		return taken
	case err != nil:
		return fmt.Errorf("split: %w", err)
	}
	return syncDir(filepath.Dir(out))
}
