package house

import (
	"bytes"
	"fmt"
	"regexp"
)

// word is something that no file may hold: a lower-case text that must be there for the pattern to match, which makes
// the search quick, the pattern itself, and why it is refused.
type word struct {
	text    string
	pattern *regexp.Regexp
	why     string
}

// forbidden are the words. They are put together from halves, so that this file passes.
func forbidden() []word {
	const (
		unfinished = "marks unfinished work"
		elsewhere  = "means nothing outside the place where it was written"
	)
	exact := func(w string) *regexp.Regexp { return regexp.MustCompile(`\b` + w + `\b`) }
	anyCase := func(w string) *regexp.Regexp { return regexp.MustCompile(`(?i)` + w) }
	return []word{
		{"to" + "do", exact("TO" + "DO"), unfinished},
		{"fix" + "me", exact("FIX" + "ME"), unfinished},
		{"xx" + "x", exact("XX" + "X"), unfinished},
		{"ha" + "ck", exact("HA" + "CK"), unfinished},
		{"not imple" + "mented", anyCase("not imple" + "mented"), unfinished},
		{"not yet imple" + "mented", anyCase("not yet imple" + "mented"), unfinished},
		{"unimple" + "mented", anyCase(`\bunimple` + "mented"), unfinished},
		{"/wo" + "rk/", anyCase("/wo" + "rk/"), elsewhere},
		{"../sha" + "red", anyCase(`\.\./sha` + "red"), elsewhere},
		{"ag" + "ent", anyCase(`\bsub-?ag` + `ents?\b`), elsewhere},
		{"th" + "is machine", anyCase(`\bth` + `is machine\b`), elsewhere},
	}
}

func checkWords(t *tree) []string {
	var faults []string
	list := forbidden()
	for _, f := range t.files {
		lower := bytes.ToLower(f.text)
		for _, w := range list {
			if !bytes.Contains(lower, []byte(w.text)) {
				continue
			}
			for _, at := range w.pattern.FindAllIndex(f.text, -1) {
				line := bytes.Count(f.text[:at[0]], []byte("\n")) + 1
				faults = append(faults, fmt.Sprintf("%s:%d: %q %s", f.path, line, f.text[at[0]:at[1]], w.why))
			}
		}
	}
	return faults
}
