package house

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/shardwise/shardwise"

// source is one text file of the repository. ast is nil unless it is Go.
type source struct {
	path string // slash-separated, from the repository's root
	text []byte
	ast  *ast.File
	test bool
}

// dir is the file's package directory, "." for the root.
func (s source) dir() string { return path.Dir(s.path) }

// generated says whether the file is marked as written by a program.
func (s source) generated() bool { return s.ast != nil && ast.IsGenerated(s.ast) }

// tree is the repository's text files in ascending path order.
type tree struct {
	fset  *token.FileSet
	files []source
}

// goFiles are the Go files, with or without tests.
func (t *tree) goFiles(tests bool) []source {
	var out []source
	for _, f := range t.files {
		if f.ast != nil && (tests || !f.test) {
			out = append(out, f)
		}
	}
	return out
}

// packages are the Go files by directory; directories ascend.
func (t *tree) packages(tests bool) (dirs []string, files map[string][]source) {
	files = map[string][]source{}
	for _, f := range t.goFiles(tests) {
		if files[f.dir()] == nil {
			dirs = append(dirs, f.dir())
		}
		files[f.dir()] = append(files[f.dir()], f)
	}
	slices.Sort(dirs)
	return dirs, files
}

// at is the place of a node as people and editors read it.
func (t *tree) at(n ast.Node) string {
	p := t.fset.Position(n.Pos())
	return fmt.Sprintf("%s:%d", p.Filename, p.Line)
}

// lines is the number of lines that a node spans.
func (t *tree) lines(n ast.Node) int {
	return t.fset.Position(n.End()).Line - t.fset.Position(n.Pos()).Line + 1
}

// textual says whether a file is text that people write, by its name.
func textual(name string) bool {
	switch path.Ext(name) {
	case ".go", ".md", ".py", ".sh", ".yml", ".yaml", ".svg", ".s", ".toml":
		return true
	}
	base := path.Base(name)
	return base == "Makefile" || base == ".gitignore" || strings.HasPrefix(name, ".ci/") || base == "requirements.txt"
}

// parseTree makes a tree of texts by path.
func parseTree(texts map[string]string) (*tree, error) {
	t := &tree{fset: token.NewFileSet()}
	paths := make([]string, 0, len(texts))
	for p := range texts {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	for _, p := range paths {
		f := source{path: p, text: []byte(texts[p]), test: strings.HasSuffix(p, "_test.go")}
		if strings.HasSuffix(p, ".go") {
			var err error
			if f.ast, err = parser.ParseFile(t.fset, p, f.text, parser.ParseComments); err != nil {
				return nil, err
			}
		}
		t.files = append(t.files, f)
	}
	return t, nil
}

// repository reads the checkout that this test lies in.
func repository(t *testing.T) *tree {
	t.Helper()
	root := filepath.Join("..", "..")
	texts := map[string]string{}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if d.Name() == ".git" || d.Name() == "testdata" || d.Name() == "__pycache__" {
				return filepath.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || !textual(rel) {
			return nil
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		if bytes.IndexByte(text, 0) < 0 {
			texts[rel] = string(text)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("read the repository: %v", err)
	}
	repo, err := parseTree(texts)
	if err != nil {
		t.Fatalf("parse the repository: %v", err)
	}
	if n := len(repo.goFiles(false)); n < 50 {
		t.Fatalf("found only %d Go files from %s: this test must run in tests/house of a whole checkout", n, root)
	}
	return repo
}
