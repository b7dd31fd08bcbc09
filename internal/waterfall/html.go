package waterfall

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"io"
)

//go:embed assets/waterfall.js
var script string

//go:embed assets/waterfall.css
var style string

//go:embed assets/trace.html
var page string

//go:embed assets/trace.js
var pageScript string

// Script is the program that draws a Chart's JSON in a browser: it defines the global object waterfall.
func Script() string { return script }

// Style is the style sheet of what Script draws, with the colours that a page around it may use.
func Style() string { return style }

// WriteHTML writes the chart as one HTML file that needs nothing else. It runs no script but its own and loads nothing.
func WriteHTML(w io.Writer, c Chart) error {
	data, err := json.Marshal(c) // < and > come out escaped, so that no text of the chart can end the element
	if err != nil {
		return err
	}
	t, err := template.New("trace").Parse(page)
	if err != nil {
		return err
	}
	program := script + "\n" + pageScript
	return t.Execute(w, struct {
		Title, StyleHash, ScriptHash string
		Style                        template.CSS
		Script                       template.JS
		Data                         template.JS
	}{c.Title, source(style), source(program), template.CSS(style), template.JS(program), template.JS(data)})
}

// source names a text in a content security policy.
func source(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
