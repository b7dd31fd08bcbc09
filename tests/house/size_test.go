package house

import (
	"bytes"
	"fmt"
	"go/ast"
	"path"
	"strings"
)

const (
	maxFileLines     = 400 // one screen of themes; beyond it a file has two
	maxFunctionLines = 80
	maxMainLines     = 80
)

func lineCount(text []byte) int {
	n := bytes.Count(text, []byte("\n"))
	if len(text) > 0 && text[len(text)-1] != '\n' {
		n++
	}
	return n
}

func checkFileLength(t *tree) []string {
	var faults []string
	for _, f := range t.files {
		switch path.Ext(f.path) {
		case ".go", ".py", ".sh":
			if n := lineCount(f.text); n > maxFileLines && !f.generated() {
				faults = append(faults, fmt.Sprintf("%s: %d lines, at most %d", f.path, n, maxFileLines))
			}
		}
	}
	return faults
}

func checkFunctionLength(t *tree) []string {
	var faults []string
	for _, f := range t.goFiles(true) {
		if f.generated() {
			continue
		}
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && t.lines(fn) > maxFunctionLines {
				faults = append(faults, fmt.Sprintf("%s: %s has %d lines, at most %d", t.at(fn), fn.Name.Name, t.lines(fn), maxFunctionLines))
			}
		}
	}
	return faults
}

func checkMainLength(t *tree) []string {
	var faults []string
	for _, f := range t.goFiles(false) {
		if n := lineCount(f.text); strings.HasPrefix(f.path, "cmd/") && n > maxMainLines {
			faults = append(faults, fmt.Sprintf("%s: %d lines, at most %d", f.path, n, maxMainLines))
		}
	}
	return faults
}
