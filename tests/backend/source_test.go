package backend

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// set is one set of published cases: the folder of a source that holds one folder a case.
type set struct {
	name  string // of the test and of the golden file's lines
	dir   string
	least int // so many cases are known to be in it
}

// debianDir is where Debian's libonnx-testdata, the cases of ONNX 1.12, lies unless SHARDWISE_ONNX_TESTDATA names
// another folder.
const debianDir = "/usr/share/libonnx-testdata/data"

// sets are all sets of cases.
func sets() []set {
	debian := os.Getenv("SHARDWISE_ONNX_TESTDATA")
	if debian == "" {
		debian = debianDir
	}
	newest := filepath.Join(cacheDir(), "onnx-backend")
	return []set{
		{"node", filepath.Join(debian, "node"), 900},
		{"node-newest", filepath.Join(newest, "node"), 1800},
		{"pytorch-converted", filepath.Join(debian, "pytorch-converted"), 50},
		{"pytorch-operator", filepath.Join(debian, "pytorch-operator"), 20},
		{"simple", filepath.Join(debian, "simple"), 20},
	}
}

// cacheDir is where prepare.sh keeps what it makes; the script has the same rule.
func cacheDir() string {
	if dir := os.Getenv("SHARDWISE_CACHE"); dir != "" {
		return dir
	}
	cache := os.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		cache = filepath.Join(os.Getenv("HOME"), ".cache")
	}
	return filepath.Join(cache, "shardwise")
}

func setNamed(t *testing.T, name string) set {
	t.Helper()
	i := slices.IndexFunc(sets(), func(s set) bool { return s.name == name })
	if i < 0 {
		t.Fatalf("no set of cases is called %s", name)
	}
	return sets()[i]
}

// required says whether cases that are not installed are a failure.
func required() bool { return os.Getenv("SHARDWISE_REQUIRE_BACKEND") == "1" }

// cases lists the folders of a set by name. A set that is not installed skips the test, unless it is required.
func (s set) cases(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(s.dir)
	if os.IsNotExist(err) {
		const how = "there are no ONNX backend cases in %s; install Debian's libonnx-testdata and run tests/backend/prepare.sh"
		if required() {
			t.Fatalf(how, s.dir)
		}
		t.Skipf(how, s.dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if _, err := os.Stat(filepath.Join(s.dir, e.Name(), "model.onnx")); err == nil {
			names = append(names, e.Name())
		}
	}
	if len(names) < s.least {
		t.Fatalf("%s holds %d cases, at least %d were wanted: the source is incomplete, install it again", s.dir, len(names), s.least)
	}
	return names
}
