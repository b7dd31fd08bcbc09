package house

import (
	"fmt"
	"go/ast"
	"go/token"
	"strings"
)

// checkPackageState allows a package-level variable only as a constant that Go cannot write as one: it has an
// initialiser (or is embedded), no lock, atomic, channel, pointer or made map in it, and nothing writes it or takes its
// address. Compiled expressions, error values, tables and interface assertions pass.
func checkPackageState(t *tree) []string {
	var faults []string
	dirs, files := t.packages(false)
	for _, dir := range dirs {
		vars := map[string]*ast.ValueSpec{}
		for _, f := range files[dir] {
			for _, d := range f.ast.Decls {
				if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.VAR {
					faults = append(faults, mutableDeclarations(t, g, vars)...)
				}
			}
		}
		for _, f := range files[dir] {
			faults = append(faults, writes(t, f, vars)...)
		}
	}
	return faults
}

// mutableDeclarations checks one var declaration and adds its names to vars.
func mutableDeclarations(t *tree, g *ast.GenDecl, vars map[string]*ast.ValueSpec) []string {
	var faults []string
	for _, s := range g.Specs {
		spec := s.(*ast.ValueSpec)
		for _, name := range spec.Names {
			if name.Name == "_" {
				continue
			}
			vars[name.Name] = spec
			if why := mutable(spec, embedded(g, spec)); why != "" && !processWide(t, name) {
				faults = append(faults, fmt.Sprintf("%s: package variable %s %s", t.at(name), name.Name, why))
			}
		}
	}
	return faults
}

// processWide says that a variable guards something that a library keeps once a process, and that no owner can hold.
func processWide(t *tree, name *ast.Ident) bool {
	file, _, _ := strings.Cut(t.at(name), ":")
	return file == "internal/engine/onnxruntime/library.go" && name.Name == "environment"
}

func embedded(g *ast.GenDecl, spec *ast.ValueSpec) bool {
	for _, doc := range []*ast.CommentGroup{g.Doc, spec.Doc} {
		if doc == nil {
			continue
		}
		for _, c := range doc.List {
			if strings.HasPrefix(c.Text, "//go:embed ") {
				return true
			}
		}
	}
	return false
}

// mutable says why a declaration is state, or "".
func mutable(spec *ast.ValueSpec, embed bool) string {
	if len(spec.Values) == 0 && !embed {
		return "has no initial value, so something must write it"
	}
	why := ""
	look := func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false // what a function makes when it is called is no state of the package
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && (x.Name == "sync" || x.Name == "atomic") {
				why = "holds a lock or an atomic"
			}
		case *ast.ChanType:
			why = "is a channel"
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				why = "points to something that can change"
			}
		case *ast.CallExpr:
			if fn, ok := n.Fun.(*ast.Ident); ok && (fn.Name == "make" || fn.Name == "new") {
				why = "is made empty, so something must fill it"
			}
		}
		return why == ""
	}
	if spec.Type != nil {
		ast.Inspect(spec.Type, look)
	}
	for _, v := range spec.Values {
		ast.Inspect(v, look)
	}
	return why
}

// writes lists the statements of a file that change a variable of vars, or one of another package.
func writes(t *tree, f source, vars map[string]*ast.ValueSpec) []string {
	var faults []string
	imported := importNames(f.ast)
	report := func(target ast.Expr) {
		base := target
		selector := ""
		for {
			switch x := base.(type) {
			case *ast.IndexExpr:
				base = x.X
				continue
			case *ast.ParenExpr:
				base = x.X
				continue
			case *ast.StarExpr:
				base = x.X
				continue
			case *ast.SelectorExpr:
				selector, base = x.Sel.Name, x.X
				continue
			}
			break
		}
		id, ok := base.(*ast.Ident)
		switch {
		case !ok:
		case isPackageVar(id, vars):
			faults = append(faults, fmt.Sprintf("%s: package variable %s is written, or its address is taken", t.at(target), id.Name))
		case id.Obj == nil && imported[id.Name] && ast.IsExported(selector):
			faults = append(faults, fmt.Sprintf("%s: %s.%s is another package's variable", t.at(target), id.Name, selector))
		}
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				for _, l := range n.Lhs {
					report(l)
				}
			}
		case *ast.IncDecStmt:
			report(n.X)
		case *ast.UnaryExpr:
			if _, composite := n.X.(*ast.CompositeLit); n.Op == token.AND && !composite {
				if id, ok := n.X.(*ast.Ident); ok && isPackageVar(id, vars) {
					report(n.X)
				}
			}
		case *ast.CallExpr:
			if fn, ok := n.Fun.(*ast.Ident); ok && (fn.Name == "delete" || fn.Name == "clear" || fn.Name == "copy") && len(n.Args) > 0 {
				report(n.Args[0])
			}
		}
		return true
	})
	return faults
}

// isPackageVar says whether an identifier means a variable of vars. The parser resolves what a file declares; a name
// that it leaves open is declared in another file of the package.
func isPackageVar(id *ast.Ident, vars map[string]*ast.ValueSpec) bool {
	spec, ok := vars[id.Name]
	return ok && (id.Obj == nil || id.Obj.Decl == spec)
}

// importNames are the names by which a file refers to packages.
func importNames(f *ast.File) map[string]bool {
	names := map[string]bool{}
	for _, i := range f.Imports {
		if i.Name != nil {
			names[i.Name.Name] = true
			continue
		}
		path := strings.Trim(i.Path.Value, `"`)
		names[path[strings.LastIndexByte(path, '/')+1:]] = true
	}
	return names
}

func checkInit(t *tree) []string {
	var faults []string
	for _, f := range t.goFiles(true) {
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				faults = append(faults, t.at(fn)+": func init")
			}
		}
	}
	return faults
}

// checkEnvironment finds reads of the process's environment, and writes, outside the rooms that may.
func checkEnvironment(t *tree) []string {
	var faults []string
	for _, f := range t.goFiles(false) {
		if within(f.dir(), "cmd", "internal/cli", "internal/bootstrap") {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			x, ok := sel.X.(*ast.Ident)
			if !ok || x.Obj != nil || x.Name != "os" && x.Name != "syscall" {
				return true
			}
			switch sel.Sel.Name {
			case "Getenv", "LookupEnv", "Environ", "ExpandEnv", "Setenv", "Unsetenv", "Clearenv":
				faults = append(faults, fmt.Sprintf("%s: %s.%s", t.at(sel), x.Name, sel.Sel.Name))
			}
			return true
		})
	}
	return faults
}

// within says whether a directory is one of the rooms or lies below one.
func within(dir string, rooms ...string) bool {
	for _, r := range rooms {
		if dir == r || strings.HasPrefix(dir, r+"/") {
			return true
		}
	}
	return false
}
