package manifest

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"

	"github.com/shardwise/shardwise/internal/jsondoc"
)

// MaxBytes bounds manifests and deployments: room for a hundred thousand features in each of 64 shards. Longer documents
// are not read, so a writer must not write them.
const MaxBytes = 64 << 20

// FormatError says that a document is of another format than this version reads.
type FormatError struct{ Want, Found string }

// Error names both formats.
func (e *FormatError) Error() string {
	return fmt.Sprintf("format is %.80q, this version reads %q; split the model again, or use the version that wrote it", e.Found, e.Want)
}

// Read reads and validates the manifest file at path, of at most MaxBytes, and returns it with its fingerprint: see Decode.
func Read(path string) (*Manifest, string, error) {
	data, err := readBounded(path)
	if err != nil {
		return nil, "", fmt.Errorf("read manifest: %w", err)
	}
	m, err := Decode(data)
	if err != nil {
		return nil, "", fmt.Errorf("read manifest %s: %w", path, err)
	}
	// Decode accepts the canonical form only, so the file's hash is the fingerprint.
	sum := sha256.Sum256(data)
	return m, hex.EncodeToString(sum[:]), nil
}

// Decode reads and validates a manifest. The bytes must be its canonical form and nothing else, so that the
// fingerprint is the SHA-256 of the file. Errors: *SyntaxError (not strict JSON), *FormatError, *FeatureError (an
// unknown name in requires), *InvalidError (all faults that Validate finds), and untyped ones for members that the
// format does not have and for bytes that are not canonical.
func Decode(data []byte) (*Manifest, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("the document has %d bytes, at most %d are read", len(data), MaxBytes)
	}
	m := new(Manifest)
	if err := decodeExactly(data, m); err != nil {
		return nil, explain(data, err)
	}
	if m.Format != Format {
		return nil, &FormatError{Want: Format, Found: m.Format}
	}
	if err := m.Validate(); err != nil {
		return nil, explain(data, err)
	}
	again, err := Canonical(m)
	if err != nil {
		return nil, err
	}
	// Equal bytes say it all: strict JSON, canonical, each member once, by its exact name, none missing, none null.
	if !bytes.Equal(again, data) {
		return nil, explain(data, fmt.Errorf("the bytes are not the manifest's canonical form, first at byte %d: the fingerprint would not be the file's hash; split the model again, manifests are not edited",
			firstDifference(again, data)))
	}
	return m, nil
}

// explain looks for a better reason than err to refuse data: a fault of syntax, a later format, an unknown feature.
// A manifest of a later version has members that this one does not know, and the version or the feature says what to
// do about it.
func explain(data []byte, err error) error {
	if _, syntax := canonicalise(data); syntax != nil {
		return syntax
	}
	var head struct {
		Format   string   `json:"format"`
		Requires []string `json:"requires"`
	}
	if json.Unmarshal(data, &head) != nil {
		return err
	}
	if head.Format != Format {
		return &FormatError{Want: Format, Found: head.Format}
	}
	return cmp.Or(knownFeatures(head.Requires), err)
}

// Canonical is the manifest's canonical JSON (RFC 8785), without a final newline: the content of manifest.json. Absent
// lists are written as empty ones. It does not validate. It fails on text that is not UTF-8 and on numbers that JSON
// cannot hold exactly.
func Canonical(m *Manifest) ([]byte, error) {
	e := &encoder{fields: map[reflect.Type][]field{}}
	if err := e.value(reflect.ValueOf(m), ""); err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	return e.out, nil
}

// Fingerprint is the SHA-256 of the canonical manifest, in 64 lower-case hex digits. It equals the SHA-256 of the
// manifest file.
func Fingerprint(m *Manifest) (string, error) {
	data, err := Canonical(m)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > MaxBytes {
		return nil, fmt.Errorf("%s has %d bytes, at most %d are read", path, info.Size(), MaxBytes)
	}
	return io.ReadAll(io.LimitReader(f, MaxBytes+1))
}

// decodeExactly decodes one JSON text and refuses members that the type does not have.
func decodeExactly(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return cmp.Or(jsondoc.Check(data, into), err) // documents are large, so that only the fault of one is looked for twice
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("data after the end of the document")
	}
	return nil
}

func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}
