package house

import (
	"fmt"
	"go/ast"
	"regexp"
	"strings"
)

// checkGoleak wants goleak in the tests of each package that starts goroutines.
func checkGoleak(t *tree) []string {
	var faults []string
	dirs, files := t.packages(true)
	for _, dir := range dirs {
		started, checked := "", false
		for _, f := range files[dir] {
			if f.test {
				checked = checked || strings.Contains(string(f.text), "goleak.Verify")
			} else if at := startsGoroutine(t, f); at != "" {
				started = at
			}
		}
		if started != "" && !checked && !within(dir, "cmd") {
			faults = append(faults, fmt.Sprintf("%s: starts a goroutine, and no test of %s looks for leaks", started, dir))
		}
	}
	return faults
}

// startsGoroutine gives the place of a go statement or of an errgroup's Go, or "".
func startsGoroutine(t *tree, f source) string {
	at := ""
	group := strings.Contains(string(f.text), `"golang.org/x/sync/errgroup"`)
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			at = t.at(n)
		case *ast.CallExpr:
			if sel, ok := n.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "Go" && group {
				at = t.at(n)
			}
		}
		return at == ""
	})
	return at
}

var (
	testName   = regexp.MustCompile(`^(Test|Fuzz)[A-Z_]`)
	passive    = regexp.MustCompile(`^(Helper|Parallel|Log|Logf|Cleanup|TempDir|Setenv|Skip|Skipf|SkipNow|Name|Context|Add|Chdir)$`)
	decodeName = regexp.MustCompile(`^(Decode|Parse|Unmarshal|Scan)`)
)

// checkTestsAssert finds tests that cannot fail: t is used neither to fail, nor to run a subtest, nor handed to anything
// that may do so.
func checkTestsAssert(t *tree) []string {
	var faults []string
	for _, f := range t.goFiles(true) {
		if !f.test {
			continue
		}
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv != nil || !testName.MatchString(fn.Name.Name) || fn.Type.Params.NumFields() != 1 {
				continue
			}
			if names := fn.Type.Params.List[0].Names; len(names) != 1 || !canFail(fn.Body, names[0].Name) {
				faults = append(faults, fmt.Sprintf("%s: %s can't fail", t.at(fn), fn.Name.Name))
			}
		}
	}
	return faults
}

// canFail says whether a test's body uses t for more than the methods that cannot fail it.
func canFail(body *ast.BlockStmt, t string) bool {
	found := false
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == t {
				found = found || !passive.MatchString(n.Sel.Name)
				return false
			}
		case *ast.Ident:
			found = found || n.Name == t
		}
		return !found
	})
	return found
}

// checkFuzz wants a fuzz target in each package with an exported function that decodes bytes or a stream.
func checkFuzz(t *tree) []string {
	var faults []string
	dirs, files := t.packages(true)
	for _, dir := range dirs {
		decoder, fuzzed := "", false
		for _, f := range files[dir] {
			for _, d := range f.ast.Decls {
				fn, ok := d.(*ast.FuncDecl)
				switch {
				case !ok:
				case f.test:
					fuzzed = fuzzed || strings.HasPrefix(fn.Name.Name, "Fuzz")
				case exportedFunc(fn) && decodeName.MatchString(fn.Name.Name) && takesBytes(fn):
					decoder = fmt.Sprintf("%s: %s", t.at(fn), fn.Name.Name)
				}
			}
		}
		if decoder != "" && !fuzzed {
			faults = append(faults, fmt.Sprintf("%s decodes bytes, and no test of %s fuzzes", decoder, dir))
		}
	}
	return faults
}

// takesBytes says whether a function has a []byte, io.Reader or io.ReaderAt parameter.
func takesBytes(fn *ast.FuncDecl) bool {
	for _, p := range fn.Type.Params.List {
		switch x := p.Type.(type) {
		case *ast.ArrayType:
			if id, ok := x.Elt.(*ast.Ident); ok && id.Name == "byte" && x.Len == nil {
				return true
			}
		case *ast.SelectorExpr:
			if id, ok := x.X.(*ast.Ident); ok && id.Name == "io" && strings.HasPrefix(x.Sel.Name, "Reader") {
				return true
			}
		}
	}
	return false
}
