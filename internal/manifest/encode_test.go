package manifest

import (
	"cmp"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

// TestEncoderAgreesWithTheStandardLibrary encodes by two ways that share nothing but the form of numbers and text.
func TestEncoderAgreesWithTheStandardLibrary(t *testing.T) {
	all := []*Manifest{treeManifest(), denseManifest(), wideManifest(3, 5)}
	for _, kind := range mergeKinds() {
		all = append(all, everyMerge(kind))
	}
	for i, m := range all {
		// What was read has no nil lists, which encoding/json would write as null.
		m, err := Decode(encode(t, m))
		if err != nil {
			t.Fatal(err)
		}
		m.Sources[0].Library = "<a> & \u2028 \"b\"\\ \x01 é 😀"
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		want, err := canonicalise(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := encode(t, m); string(got) != string(want) {
			t.Errorf("manifest %d differs at byte %d:\n%s\n%s", i, firstDifference(got, want), got, want)
		}
	}
}

func TestNamesAreOrderedByUTF16(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	runes := []rune("aé€\ud7ff\ue000\uf123\uffff\U00010000\U0001f600\U0010ffff")
	word := func() string {
		var b strings.Builder
		for range rng.IntN(4) {
			b.WriteRune(runes[rng.IntN(len(runes))])
		}
		return b.String()
	}
	for range 5000 {
		a, b := word(), word()
		want := slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
		if got := cmp.Compare(compareUTF16(a, b), 0); got != want {
			t.Fatalf("%q and %q compare as %d, want %d", a, b, got, want)
		}
	}
}
