package house

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// room is a directory with everything below it that has no room of its own, and the rooms it may import. A package
// outside every room is a breach: new packages get a room by decision, not by accident.
type room struct {
	dir string
	may []string
}

func rooms() []room {
	contracts := []string{"internal/tensor", "internal/manifest", "internal/graph", "internal/forest", "internal/kernel"}
	runtime := append([]string{"internal/engine", "internal/onnx", "internal/shardfile"}, contracts...)
	return []room{
		{".", nil},
		{"internal/tensor", nil},
		{"internal/jsondoc", nil},
		{"internal/manifest", []string{"internal/tensor", "internal/jsondoc"}},
		{"internal/graph", []string{"internal/tensor", "internal/manifest"}},
		{"internal/kernel", []string{"internal/tensor"}},
		{"internal/forest", []string{"internal/tensor", "internal/kernel"}},
		{"internal/shardfile", []string{"internal/tensor", "internal/manifest"}},
		{"internal/onnx", []string{"internal/tensor", "internal/manifest", "internal/graph"}},
		{"internal/workdir", nil},
		{"internal/objects", nil},
		{"internal/dataset", []string{"internal/tensor", "internal/manifest", "internal/workdir"}},
		{"internal/engine", append([]string{"internal/onnx"}, contracts...)},
		{"internal/unshard", runtime},
		{"aggregate", []string{"internal/tensor", "internal/manifest"}},
		{"splitter", append([]string{"internal/price", "internal/jsondoc", "internal/workdir"}, runtime...)}, // one table of prices
		{"shard", append([]string{"internal/objects"}, runtime...)},
		{"shard/shardtest", append([]string{"shard", "coordinator", "aggregate", "internal/objects"}, runtime...)},
		{"coordinator", append([]string{"shard", "aggregate"}, runtime...)},
		{"simulator", []string{"internal/workdir"}},
		{"client", nil}, // any program may import it, so it brings nothing of Shardwise along
		{"statemachine", append([]string{"coordinator", "shard", "aggregate", "internal/dataset", "internal/price"}, runtime...)},
		{"internal/bootstrap", append([]string{"coordinator", "shard", "aggregate", "internal/objects"}, runtime...)},
		{"internal/price", nil},
		{"internal/waterfall", nil},
		{"internal/planview", []string{"splitter"}},
		{"internal/livepage", []string{"simulator", "internal/price", "internal/waterfall"}},
		{"internal/local", append([]string{"simulator", "coordinator", "shard", "internal/dataset", "internal/objects"}, runtime...)},
		{"internal/cli", append([]string{"internal/local", "internal/bootstrap", "internal/dataset", "internal/unshard", "internal/workdir",
			"internal/livepage", "internal/waterfall", "internal/planview", "internal/price", "statemachine",
			"simulator", "coordinator", "shard", "aggregate", "splitter"}, runtime...)},
		{"cmd/bootstrap", []string{"internal/bootstrap"}},
		{"cmd/bootstrap-batch", []string{"internal/bootstrap", "statemachine"}},
		{"cmd/shardwise", []string{"internal/bootstrap", "internal/cli", "statemachine"}},
		{"shardwisetest", []string{"client", "internal/bootstrap", "internal/local", "simulator"}},
		{"tests", nil},
	}
}

// roomOf finds the most particular room of a directory.
func roomOf(dir string) (room, bool) {
	var best room
	found := false
	for _, r := range rooms() {
		inside := within(dir, r.dir) || r.dir == "." && dir == "."
		if inside && (!found || len(r.dir) > len(best.dir)) {
			best, found = r, true
		}
	}
	return best, found
}

func checkImports(t *tree) []string {
	var faults []string
	for _, f := range t.goFiles(true) {
		from, ok := roomOf(f.dir())
		if !ok {
			faults = append(faults, fmt.Sprintf("%s: %s lies in no room", f.path, f.dir()))
			continue
		}
		for _, i := range f.ast.Imports {
			path := strings.Trim(i.Path.Value, `"`)
			if path != module && !strings.HasPrefix(path, module+"/") {
				continue
			}
			target := strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
			if target == "" {
				target = "."
			}
			if why := refused(from, target, f.test); why != "" {
				faults = append(faults, fmt.Sprintf("%s: %s imports %s: %s", t.at(i), from.dir, target, why))
			}
		}
	}
	return faults
}

// refused says why a room may not import a package, or "". Tests may import what they test against, save cmd.
func refused(from room, target string, test bool) string {
	to, ok := roomOf(target)
	switch {
	case !ok:
		return "it lies in no room"
	case within(target, "cmd"):
		return "nothing imports cmd"
	case to.dir == from.dir || test || from.dir == "tests":
		return ""
	}
	for _, m := range from.may {
		if m == to.dir {
			return ""
		}
	}
	return fmt.Sprintf("the room may import only %v", from.may)
}

// heavy are the imports that the Lambda binary must not carry: each would cost start time and package size on every
// cold start.
func heavy() []string {
	return []string{
		module + "/simulator", module + "/splitter", module + "/internal/cli", module + "/statemachine", module + "/internal/local", module + "/internal/livepage",
		"github.com/johannesboyne/", "github.com/spf13/", "github.com/schollz/", "golang.org/x/term", "gonum.org/v1/plot", "github.com/parquet-go/",
		"github.com/apache/arrow", "github.com/santhosh-tekuri/", "testing",
	}
}

func heavyAmong(deps []string) []string {
	var faults []string
	for _, d := range deps {
		for _, h := range heavy() {
			if d == strings.TrimSuffix(h, "/") || strings.HasPrefix(d, strings.TrimSuffix(h, "/")+"/") {
				faults = append(faults, d)
			}
		}
	}
	return faults
}

// TestBootstrapStaysSmall follows all imports of the Lambda binary, other modules' included.
func TestBootstrapStaysSmall(t *testing.T) {
	deps := dependencies(t, "./cmd/bootstrap")
	if len(deps) < 20 {
		t.Fatalf("go list names only %d dependencies of cmd/bootstrap: %v", len(deps), deps)
	}
	for _, d := range heavyAmong(deps) {
		t.Errorf("cmd/bootstrap depends on %s; what to do: move what needs it out of coordinator, shard and internal/bootstrap (see with: go mod why, go list -deps)", d)
	}
}

func TestHeavyImportsAreNoticed(t *testing.T) {
	got := heavyAmong([]string{"fmt", module + "/simulator", "github.com/spf13/cobra", "testing", "testing/iotest", module + "/shard"})
	if len(got) != 4 {
		t.Errorf("heavyAmong found %v, want simulator, cobra, testing and testing/iotest", got)
	}
}

// dependencies asks the go command for a package's import closure.
func dependencies(t *testing.T, pkg string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath", pkg)
	cmd.Dir = filepath.Join("..", "..")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list %s: %v\n%s", pkg, err, exit.Stderr)
		}
		t.Fatalf("go list %s: %v", pkg, err)
	}
	var deps []string
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p struct{ ImportPath string }
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return deps
		} else if err != nil {
			t.Fatalf("go list %s: %v", pkg, err)
		}
		deps = append(deps, p.ImportPath)
	}
}
