package house

import (
	"fmt"
	"go/ast"
	"go/token"
	"strings"
)

const (
	minPackageWords  = 12 // what it is, what it is not, who may call it does not fit into fewer
	minExportedWords = 4  // a name and an article are no contract
)

func words(g *ast.CommentGroup) int {
	if g == nil {
		return 0
	}
	return len(strings.Fields(g.Text()))
}

func checkPackageComment(t *tree) []string {
	var faults []string
	dirs, files := t.packages(false)
	for _, dir := range dirs {
		best := 0
		for _, f := range files[dir] {
			best = max(best, words(f.ast.Doc))
		}
		if best < minPackageWords {
			faults = append(faults, fmt.Sprintf("%s: the package comment has %d words, at least %d", dir, best, minPackageWords))
		}
	}
	return faults
}

func checkExportedComment(t *tree) []string {
	var faults []string
	for _, f := range t.goFiles(false) {
		if f.ast.Name.Name == "main" || f.generated() {
			continue
		}
		for _, d := range f.ast.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if exportedFunc(d) && words(d.Doc) < minExportedWords {
					faults = append(faults, fmt.Sprintf("%s: %s has no contract comment", t.at(d), d.Name.Name))
				}
			case *ast.GenDecl:
				faults = append(faults, undocumented(t, d)...)
			}
		}
	}
	return faults
}

// exportedFunc says whether a function or method can be named from outside. Methods that the language's own
// interfaces define need no comment.
func exportedFunc(d *ast.FuncDecl) bool {
	if !d.Name.IsExported() {
		return false
	}
	if d.Recv == nil {
		return true
	}
	switch d.Name.Name {
	case "Error", "Unwrap", "String", "Is", "As", "Len", "Less", "Swap":
		return false
	}
	typ := d.Recv.List[0].Type
	for {
		switch x := typ.(type) {
		case *ast.StarExpr:
			typ = x.X
		case *ast.IndexExpr:
			typ = x.X
		case *ast.IndexListExpr:
			typ = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return true
		}
	}
}

// undocumented lists the exported names of a type, const or var declaration without a comment of their own, of their
// line or of their group.
func undocumented(t *tree, d *ast.GenDecl) []string {
	var faults []string
	for _, s := range d.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() && max(words(s.Doc), words(d.Doc), words(s.Comment)) < minExportedWords {
				faults = append(faults, fmt.Sprintf("%s: type %s has no contract comment", t.at(s), s.Name.Name))
			}
		case *ast.ValueSpec:
			for _, name := range s.Names {
				if name.IsExported() && max(words(s.Doc), words(d.Doc), words(s.Comment)) == 0 {
					faults = append(faults, fmt.Sprintf("%s: %s %s has no comment", t.at(name), kindOf(d.Tok), name.Name))
				}
			}
		}
	}
	return faults
}

func kindOf(tok token.Token) string {
	if tok == token.CONST {
		return "const"
	}
	return "var"
}
