package tasktree

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLayShowsTheSourcesBelowReadOnlyDirectories(t *testing.T) {
	dir := t.TempDir()
	a := write(t, filepath.Join(dir, "a"), "A")
	link := filepath.Join(dir, "link")
	if err := os.Symlink("a", link); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(dir, "root")
	if err := Lay(root, []File{{"bootstrap", a}, {"model/shard.bin", link}}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"bootstrap", "model/shard.bin"} {
		if p, err := os.ReadFile(filepath.Join(root, name)); err != nil || string(p) != "A" {
			t.Errorf("%s holds %q (%v), want %q", name, p, err, "A")
		}
		mine, err := os.Stat(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		source, err := os.Stat(a)
		if err != nil {
			t.Fatal(err)
		}
		if !os.SameFile(mine, source) {
			t.Errorf("%s is a copy, want a link", name)
		}
	}
	for _, d := range []string{root, filepath.Join(root, "model")} {
		info, err := os.Stat(d)
		if err != nil || info.Mode().Perm() != 0o555 {
			t.Errorf("%s has mode %v (%v), want r-xr-xr-x", d, info.Mode(), err)
		}
	}
	if os.Getuid() != 0 {
		if err := os.Remove(filepath.Join(root, "bootstrap")); err == nil {
			t.Error("an entry of the tree could be removed")
		}
	}
	for range 2 {
		if err := Remove(root); err != nil {
			t.Fatal(err)
		}
	}
	if p, err := os.ReadFile(a); err != nil || string(p) != "A" {
		t.Errorf("after Remove the source holds %q (%v)", p, err)
	}
}

func TestLayRefusesBadListsAndLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	a := write(t, filepath.Join(dir, "a"), "A")
	for name, tc := range map[string]struct {
		files []File
		want  string
	}{
		"escape":    {[]File{{"../a", a}}, "clean relative path"},
		"absolute":  {[]File{{"/a", a}}, "clean relative path"},
		"unclean":   {[]File{{"x//a", a}}, "clean relative path"},
		"empty":     {[]File{{"", a}}, "clean relative path"},
		"dot":       {[]File{{".", a}}, "clean relative path"},
		"twice":     {[]File{{"x", a}, {"x", a}}, "stands twice"},
		"below":     {[]File{{"x/y/z", a}, {"x", a}}, "itself a file"},
		"no source": {[]File{{"x", ""}}, "no source"},
		"missing":   {[]File{{"ok", a}, {"x", filepath.Join(dir, "none")}}, "no such file"},
		"directory": {[]File{{"x", dir}}, "want a regular file"},
	} {
		root := filepath.Join(dir, "root")
		err := Lay(root, tc.files)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, tc.want)
		}
		if _, err := os.Lstat(root); !os.IsNotExist(err) {
			t.Errorf("%s: the root was left behind (%v)", name, err)
		}
	}
}

func TestRemoveClearsWhatAFunctionMadeUnreadable(t *testing.T) {
	root := filepath.Join(t.TempDir(), "scratch")
	deep := filepath.Join(root, "a", "b")
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(deep, "f"), "x")
	for _, d := range []string{deep, filepath.Dir(deep)} {
		if err := os.Chmod(d, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := Remove(root); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(root); !os.IsNotExist(err) {
		t.Errorf("still there: %v", err)
	}
}
