package dataset

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/shardwise/shardwise/internal/tensor"
)

// mismatch is how a file's names differ from the model's.
type mismatch struct {
	what            string // "column" or "array"
	found, want     []string
	unknown, absent []string
	subset          bool
}

// numbered are the names that columns without names of their own get: f0, pixels_0 ...
var numbered = regexp.MustCompile(`^(f|.*_)[0-9]+$`)

// hint says what to do about a mismatch, behind a semicolon; "" when the names say enough.
func (m *mismatch) hint() string {
	text := ""
	switch {
	case m.what == "array":
		text = m.arrayHint()
	case len(m.unknown) == len(m.found) && every(m.found, numberOrNothing) && !counted(m.found):
		text = "the first row is numbers, wanted are names: add a row of column names"
		if !m.subset {
			text += ", or use --by-position when the columns are in the model's order"
		}
	case m.subset && len(m.unknown) > 0:
		text = "a file of expected values has columns of outputs only"
	case unnamed(m.unknown):
		text = "pandas writes its index so: save with index=False, or remove that column"
	case len(m.unknown) > 0 && len(m.found) == len(m.want) && every(m.want, numbered.MatchString):
		text = "the model was saved without names of columns: use --by-position when the columns are in the order of training"
	case len(m.absent) == 0:
		text = "remove it from the file"
		if len(m.unknown) > 1 {
			text = "remove them from the file"
		}
	}
	if text == "" {
		return ""
	}
	return "; " + text
}

func (m *mismatch) arrayHint() string {
	switch {
	case len(m.unknown) == 0:
		return ""
	case m.subset:
		return "keep arrays of outputs only"
	case len(m.absent) == 0:
		return "save the file without it: it holds the model's inputs only"
	case len(m.found) == 1 && len(m.want) == 1:
		return fmt.Sprintf("save it under that name, as in numpy.savez(file, **{%q: array}), or use --by-position", clip(m.want[0]))
	}
	return ""
}

func every(names []string, is func(string) bool) bool {
	for _, n := range names {
		if !is(n) {
			return false
		}
	}
	return len(names) > 0
}

// numberOrNothing also takes what stands for a missing number: a first row of data may lack some.
func numberOrNothing(s string) bool { return numeric(s) || isNaN(trim([]byte(s))) }

// counted reports whether the names are those of a pandas frame without names, saved with its index: nothing, 0, 1, 2 and so on.
func counted(names []string) bool {
	for i, n := range names {
		if i == 0 && n != "" || i > 0 && n != strconv.Itoa(i-1) {
			return false
		}
	}
	return true
}

func numeric(s string) bool { return decimal(trim([]byte(s))) }

// unnamed reports whether one of the columns is pandas's index, saved without a name or read back.
func unnamed(names []string) bool {
	for _, n := range names {
		if n == "" || strings.HasPrefix(n, "Unnamed: ") {
			return true
		}
	}
	return false
}

// notCSV recognises by its beginning a file that only has the name of a CSV file.
func notCSV(in *bufio.Reader) error {
	// At the end of a short file there is less to see.
	head, _ := in.Peek(4)
	for prefix, what := range map[string]string{
		"PK\x03\x04":       "it is a zip file, as Excel's xlsx files are, not CSV: save the sheet as CSV (UTF-8)",
		"\xd0\xcf\x11\xe0": "it is an old Excel or Office file, not CSV: save the sheet as CSV (UTF-8)",
		"\x1f\x8b":         "it is compressed with gzip: unpack it first",
		"PAR1":             "it is a Parquet file, not CSV: save the table as CSV",
		"\x93NUM":          "it is an npy file: give it the extension .npy",
		"\xff\xfe":         "it is text in UTF-16: save it in UTF-8",
		"\xfe\xff":         "it is text in UTF-16: save it in UTF-8",
	} {
		if bytes.HasPrefix(head, []byte(prefix)) {
			return errors.New(what)
		}
	}
	return nil
}

// separatorHint looks at a first line without any comma for what else separates its fields.
func separatorHint(in *bufio.Reader) string {
	line, _ := in.Peek(min(in.Size(), 1<<16)) // a shorter file is seen whole
	line, _, _ = bytes.Cut(line, []byte("\n"))
	if bytes.IndexByte(line, ',') >= 0 {
		return ""
	}
	for _, s := range []struct{ separator, name string }{{"\t", "a tab"}, {";", "a semicolon (;)"}, {"|", strconv.Quote("|")}} {
		if bytes.Contains(line, []byte(s.separator)) {
			return "; the separator seems to be " + s.name + ": save the file with commas between the fields, and with points in numbers"
		}
	}
	return ""
}

// wordHint says what to write instead of words that other programs write for a missing number or a flag; "" of others.
func wordHint(text []byte, d tensor.DType) string {
	switch strings.ToLower(str(text)) {
	case "na", "n/a", "#n/a", "<na>", "null", "none", "nil", "?":
		if d.Float() {
			return "; leave the field empty or write NaN for a missing value"
		}
	case "true", "yes":
		return "; write 1"
	case "false", "no":
		return "; write 0"
	}
	return ""
}

// explain adds to an error of element at what the feature's kind has to do with it.
func (f *field) explain(at int, err error) error {
	if err == nil || at >= len(f.categorical) || !f.categorical[at] {
		return err
	}
	return fmt.Errorf("%w; the column is categorical and takes the codes of its categories (0, 1, 2 ...) as in training, not their texts", err)
}
