package manifest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// encode is the canonical form of a manifest that must have one.
func encode(t testing.TB, m *Manifest) []byte {
	t.Helper()
	data, err := Canonical(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func samples() map[string]*Manifest {
	return map[string]*Manifest{"tree": treeManifest(), "dense": denseManifest(), "routed": routedManifest()}
}

func TestReadReturnsWhatCanonicalWrote(t *testing.T) {
	for name, m := range samples() {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), FileName)
			data := encode(t, m)
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			got, fingerprint, err := Read(path)
			if err != nil {
				t.Fatal(err)
			}
			if want, err := Fingerprint(m); err != nil || fingerprint != want {
				t.Errorf("fingerprint %s, want %s: %v", fingerprint, want, err)
			}
			if !bytes.Equal(encode(t, got), data) {
				t.Error("the manifest that was read encodes in another way")
			}
			if !reflect.DeepEqual(got.Steps[0].Stage.Outputs, m.Steps[0].Stage.Outputs) || !reflect.DeepEqual(got.Signature, m.Signature) {
				t.Error("the manifest that was read differs from the one written")
			}
		})
	}
}

func TestFingerprintIsTheHashOfTheFile(t *testing.T) {
	m := treeManifest()
	sum := sha256.Sum256(encode(t, m))
	got, err := Fingerprint(m)
	if err != nil {
		t.Fatal(err)
	}
	if want := hex.EncodeToString(sum[:]); got != want {
		t.Errorf("fingerprint %s, want %s", got, want)
	}
	if a := Alias(got); a != "m-"+got[:12] {
		t.Errorf("alias %s", a)
	}
	m.Version = "2"
	if other, err := Fingerprint(m); err != nil || other == got {
		t.Errorf("another version has fingerprint %s (error %v), want a different one", other, err)
	}
}

func TestCanonicalLeavesTheManifestAndWritesNoNull(t *testing.T) {
	m := denseManifest()
	data := encode(t, m)
	if m.Requires != nil {
		t.Error("Canonical changed the manifest")
	}
	if bytes.Contains(data, []byte("null")) {
		t.Errorf("null in %s", data)
	}
}

func TestCanonicalRefusesWhatJSONWouldChange(t *testing.T) {
	for name, spoil := range map[string]func(m *Manifest){
		"invalid UTF-8":     func(m *Manifest) { m.Sources[0].Library = "a\xffb" },
		"invalid UTF-8 key": func(m *Manifest) { m.Signature.Outputs[0].Rules["\xff"] = Rule{Exact: true} },
		"integer":           func(m *Manifest) { m.Shards[0].Files[0].Bytes = 1<<53 + 1 },
		"no dtype":          func(m *Manifest) { m.Signature.Inputs[0].DType = 0 },
	} {
		m := treeManifest()
		spoil(m)
		if data, err := Canonical(m); err == nil {
			t.Errorf("%s: encoded as %d bytes, want an error", name, len(data))
		}
	}
}

func TestDecodeAcceptsOnlyTheCanonicalForm(t *testing.T) {
	good := string(encode(t, treeManifest()))
	if _, err := Decode([]byte(good)); err != nil {
		t.Fatal(err)
	}
	swap := func(old, now string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("the sample lacks %q", old)
		}
		return strings.Replace(good, old, now, 1)
	}
	for name, data := range map[string]string{
		"final newline":        good + "\n",
		"second document":      good + "{}",
		"whitespace":           swap(`"radix":16`, `"radix": 16`),
		"number form":          swap(`"radix":16`, `"radix":16.0`),
		"unknown member":       swap(`"radix":16`, `"radiy":1,"radix":16`),
		"duplicate member":     swap(`"radix":16`, `"radix":16,"radix":16`),
		"other case":           swap(`"version"`, `"Version"`),
		"null list":            swap(`"requires":[]`, `"requires":null`),
		"missing list":         swap(`"requires":[],`, ``),
		"explicit zero":        swap(`"kind":"categorical"`, `"kind":""`),
		"negative dimension":   swap(`"shape":["batch",4]`, `"shape":["batch",-4]`),
		"fractional dimension": swap(`"shape":["batch",4]`, `"shape":["batch",4.5]`),
		"empty symbol":         swap(`"shape":["batch",4]`, `"shape":["",4]`),
		"unknown dtype":        swap(`"dtype":"F32"`, `"dtype":"F31"`),
		"needless escape":      swap(`"age"`, `"\u0061ge"`),
		"empty":                "",
		"null":                 "null",
		"list":                 "[]",
		"truncated":            good[:len(good)-1],
		"deep":                 strings.Repeat("[", 100000),
	} {
		if _, err := Decode([]byte(data)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestDecodeNamesWhatItDoesNotKnow(t *testing.T) {
	good := string(encode(t, treeManifest()))
	later := strings.Replace(good, `"requires":[]`, `"requires":["merge.sparkle","zeta"],"sparkles":7`, 1)
	var feature *FeatureError
	if _, err := Decode([]byte(later)); !errors.As(err, &feature) || len(feature.Names) != 2 || !strings.Contains(err.Error(), "merge.sparkle") {
		t.Errorf("unknown features: error %v, want a *FeatureError with both names", err)
	}
	var format *FormatError
	if _, err := Decode([]byte(strings.Replace(good, Format, "shardwise/2", 1))); !errors.As(err, &format) || format.Found != "shardwise/2" {
		t.Errorf("later format: error %v, want a *FormatError", err)
	}
	var syntax *SyntaxError
	if _, err := Decode([]byte(good[:100])); !errors.As(err, &syntax) {
		t.Errorf("truncated: error %v, want a *SyntaxError", err)
	}
	var invalid *InvalidError
	if _, err := Decode([]byte(strings.Replace(good, `"radix":16`, `"radix":17`, 1))); !errors.As(err, &invalid) || invalid.Faults[0].Path != "/radix" {
		t.Errorf("radix 17: error %v, want an *InvalidError at /radix", err)
	}
}

func TestReadNamesTheFile(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "absent.json")
	if _, _, err := Read(missing); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), missing) {
		t.Errorf("error %v, want os.ErrNotExist naming the path", err)
	}
}
