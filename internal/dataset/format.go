package dataset

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Format is how a file holds rows. Auto stands for the one that the file name's extension tells.
type Format string

// The formats, by their usual extension.
const (
	Auto        Format = ""
	CSV         Format = "csv"
	JSONLines   Format = "jsonl"
	JSON        Format = "json"
	NPY         Format = "npy"
	NPZ         Format = "npz"
	Safetensors Format = "safetensors"
)

// Formats are all formats that Open and Create know.
func Formats() []Format { return []Format{CSV, JSONLines, JSON, NPY, NPZ, Safetensors} }

// FormatOf tells the format from the extension of path; ".ndjson" is JSON Lines, too.
func FormatOf(path string) (Format, error) {
	ext := strings.TrimPrefix(strings.ToLower(filepath.Ext(path)), ".")
	if ext == "ndjson" {
		return JSONLines, nil
	}
	for _, f := range Formats() {
		if ext == string(f) {
			return f, nil
		}
	}
	return Auto, fmt.Errorf("the extension of %s tells no format; wanted one of csv, jsonl, ndjson, json, npy, npz, safetensors", path)
}

func (f Format) resolve(path string) (Format, error) {
	if f == Auto {
		return FormatOf(path)
	}
	for _, known := range Formats() {
		if f == known {
			return f, nil
		}
	}
	return Auto, fmt.Errorf("format %q is unknown; wanted one of csv, jsonl, json, npy, npz, safetensors", string(f))
}

// Header says whether the first row of a CSV file names the columns.
type Header uint8

// HeaderAuto: there is one, except that with ByPosition a first row of numbers only is data; one that could be either is an
// error.
const (
	HeaderAuto Header = iota
	HeaderPresent
	HeaderAbsent // needs ByPosition
)

// Options are how a file is read. The zero value matches columns by name.
type Options struct {
	// ByPosition takes columns in the order of the signature's inputs and features, whatever their names, except the model's own in another order; the number of
	// columns must be right. An npz or safetensors file with one array then suits a model with one input.
	ByPosition bool
	Header     Header
	// Row is how many rows of the file lie before the first one of a piece, and Line how many lines before the first one that
	// is no header: errors count from the file's beginning. Only CSV and JSON Lines look at them.
	Row, Line int64
	// RowALine refuses JSON Lines of which a line has more than one row, or less. Without it white space alone parts rows.
	RowALine bool
}
