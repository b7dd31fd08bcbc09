package jsoncheck

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func seeds() []string {
	s := []string{
		``, ` `, `{}`, `[]`, `null`, `true`, `false`, `tru`, `nul`, `0`, `-0`, `01`, `-`, `1.`, `1.5`, `1e`, `1e+`, `1E-9`, `.5`, `+1`,
		`""`, `"`, `"\`, `"\u`, `"\u12`, `"\u12G4"`, `"\ud800"`, `"\x"`, "\"\x1f\"", "\"\x7f\"", "\"\x80\"", "\"é\"", "\"\xed\xa0\x80\"", "\xef\xbb\xbf{}",
		`{"a":1}`, `{"a":1,}`, `{"a" 1}`, `{"a":}`, `{a:1}`, `{,}`, `{"a":1 "b":2}`, `[1,2,]`, `[1 2]`, `[`, `{`, `]`, `}`, `[}`, `{]`, `[[],{}]`,
		`{} {}`, `{}x`, "\n\t\r {} \n", "\x00", `"\/\b\f\n\r\t\"\\"`, "é",
		strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth),
		strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1),
		strings.Repeat(`{"a":`, 300) + "1" + strings.Repeat("}", 300),
	}
	for n := range 70 { // every alignment of the special bytes against the word scan
		pad := strings.Repeat("x", n)
		for _, c := range []string{`"`, `\n`, "\x01", "\xff", "é", `\`, "\x80", "!", "#", "[", "]", "\x20", "\x7f"} {
			s = append(s, `"`+pad+c+pad+`"`)
		}
	}
	return s
}

func valid(p []byte) bool { return json.Valid(p) && utf8.Valid(p) }

func compare(t *testing.T, p []byte) {
	t.Helper()
	err := Check(p)
	if (err == nil) != valid(p) {
		t.Fatalf("Check(%.200q) = %v, but encoding/json and utf8 say valid=%v", p, err, valid(p))
	}
	var e *Error
	if err != nil && (!errors.As(err, &e) || e.Offset < 0 || e.Offset > len(p) || e.Line < 1 || e.Column < 1) {
		t.Fatalf("Check(%.200q) = %#v: the place is out of range", p, err)
	}
}

func TestCheckAgreesWithTheStandardLibraryOnSeeds(t *testing.T) {
	for _, s := range seeds() {
		compare(t, []byte(s))
	}
}

func TestCheckAgreesWithTheStandardLibraryOnMutations(t *testing.T) {
	const seed = 20261123
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	base := []byte(`{"b":"` + strings.Repeat("QUJD", 40) + `","n":[1.5e-7,-0,true,null,{"k":"\u00e9é"}]}`)
	for range 20000 {
		p := append([]byte(nil), base...)
		for range 1 + rng.IntN(3) {
			p[rng.IntN(len(p))] = byte(rng.IntN(256))
		}
		compare(t, p[:rng.IntN(len(p)+1)])
	}
}

func TestCheckWordsRefusalsAsLambdaDoes(t *testing.T) {
	for _, c := range []struct{ in, reason string }{
		{"\"\x87\"", "Invalid UTF-8 start byte 0x87"},
		{"\x87", "Invalid UTF-8 start byte 0x87"},
		{"<a/>", "Unexpected character ('<' (code 60)): expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"},
		{"not json", "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"},
	} {
		var e *Error
		if err := Check([]byte(c.in)); !errors.As(err, &e) || e.Reason != c.reason {
			t.Errorf("Check(%q) = %v, want reason %q", c.in, err, c.reason)
		}
	}
	var e *Error
	if err := Check([]byte("{\n \"a\": x}")); !errors.As(err, &e) || e.Line != 2 || e.Column != 7 || e.Offset != 8 {
		t.Errorf("place = %+v, want line 2, column 7, offset 8", e)
	}
}

func TestCheckAllocatesNothingForAValidText(t *testing.T) {
	p := []byte(`{"body":"` + strings.Repeat("QUJD", 1000) + `"}`)
	if n := testing.AllocsPerRun(100, func() {
		if Check(p) != nil {
			t.Fatal("refused a valid text")
		}
	}); n != 0 {
		t.Fatalf("%v allocations per check, want 0", n)
	}
}

func FuzzCheck(f *testing.F) {
	for _, s := range seeds() {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, p []byte) { compare(t, p) })
}

// BenchmarkCheck reports how many times faster than json.Valid a tensor
// request's body is scanned, in the same run.
func BenchmarkCheck(b *testing.B) {
	for _, size := range []int{64 << 10, 6 << 20} {
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) {
			raw := make([]byte, size*3/4-64)
			p := []byte(`{"v":1,"body":"` + base64.StdEncoding.EncodeToString(raw) + `"}`)
			start := time.Now()
			const rounds = 5
			for range rounds {
				if !json.Valid(p) {
					b.Fatal("encoding/json refuses the text")
				}
			}
			ref := time.Since(start) / rounds
			b.SetBytes(int64(len(p)))
			for b.Loop() {
				if err := Check(p); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(ref.Nanoseconds())/(float64(b.Elapsed().Nanoseconds())/float64(b.N)), "x-json.Valid")
		})
	}
}
