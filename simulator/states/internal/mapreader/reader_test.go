package mapreader

import (
	"strings"
	"testing"

	"github.com/shardwise/shardwise/simulator/states/internal/value"
)

func TestItemsBeforeAFaultAreRead(t *testing.T) {
	for name, scan := range map[string]func(yield func(any) error) error{
		"JSON": func(yield func(any) error) error { return ScanJSON(strings.NewReader(`[1,2,oops]`), "", yield) },
		"JSONL": func(yield func(any) error) error {
			return ScanLines(strings.NewReader("1\n2\noops\n"), yield)
		},
		"CSV": func(yield func(any) error) error {
			return ScanCSV(strings.NewReader("a\n1\n2\n\"oops\n"), nil, ',', yield)
		},
	} {
		n := 0
		if err := scan(func(any) error { n++; return nil }); err == nil || n != 2 {
			t.Errorf("%s: %d items and %v, want two and an error", name, n, err)
		}
	}
}

// FuzzScan checks that what readers yield is JSON, whatever they read.
func FuzzScan(f *testing.F) {
	for _, s := range []string{"", `[1,{"a":[null]}]`, "a,b\n1,2\n", "{\"a\":1}\n\n[2]\n", "\ufeffx\n\"a\nb\"\n", `{"a":[{"b":[1]}]}`} {
		f.Add([]byte(s), "/a/0/b")
	}
	f.Fuzz(func(t *testing.T, p []byte, pointer string) {
		yield := func(item any) error {
			if v, err := value.Decode(value.Encode(item)); err != nil {
				t.Errorf("%q yields %v, which is no JSON: %v, %v", p, item, v, err)
			}
			return nil
		}
		if pointer != "" && pointer[0] != '/' {
			pointer = ""
		}
		// A whole array is read as a decoder of the whole reads it.
		items := []any{}
		whole, err := value.Decode(p)
		scanErr := ScanJSON(strings.NewReader(string(p)), "", func(item any) error { items = append(items, item); return nil })
		if list, ok := whole.([]any); ok && err == nil && (scanErr != nil || !value.Equal(list, items)) {
			t.Errorf("%q yields %v, error %v", p, items, scanErr)
		}
		// Whether they find a fault does not matter here.
		_ = ScanJSON(strings.NewReader(string(p)), pointer, yield)
		_ = ScanLines(strings.NewReader(string(p)), yield)
		_ = ScanCSV(strings.NewReader(string(p)), nil, ';', yield)
	})
}
