package wire

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/shardwise/shardwise/shard/wire/jsonscan"
)

// MaxObject is the greatest object that a message may refer to, in bytes: what S3 takes in one piece (Amazon S3 quotas: 5 GB).
const MaxObject = 5 << 30

// Ref names the object that holds a frame in place of the message: its key, its size and the SHA-256 of its bytes in hex.
type Ref struct {
	Key    string
	Bytes  int64
	SHA256 string
}

// RefTo is the Ref of a frame that is kept under key.
func RefTo(key string, frame []byte) *Ref {
	sum := sha256.Sum256(frame)
	return &Ref{Key: key, Bytes: int64(len(frame)), SHA256: hex.EncodeToString(sum[:])}
}

// Check reports what is wrong with the form of r. Which keys are allowed is not known here.
func (r *Ref) Check() error {
	if err := checkKey("ref", r.Key); err != nil {
		return err
	}
	if r.Bytes < 1 || r.Bytes > MaxObject {
		return fmt.Errorf("ref_bytes is %d, wanted 1 to %d", r.Bytes, int64(MaxObject))
	}
	if sum, err := hex.DecodeString(r.SHA256); err != nil || len(sum) != sha256.Size || hex.EncodeToString(sum) != r.SHA256 {
		return fmt.Errorf("ref_sha256 is %q, wanted 64 hex digits in lower case", clip(r.SHA256))
	}
	return nil
}

// checkKey holds a key to what S3 takes and no more than logs bear.
func checkKey(name, key string) error {
	if key == "" || key[0] == '/' {
		return fmt.Errorf("%s is %q, wanted an object's key", name, clip(key))
	}
	for _, c := range []byte(key) {
		if c < 0x21 || c > 0x7e {
			return fmt.Errorf("%s holds the byte %#02x; keys are of printable ASCII", name, c)
		}
	}
	return nil
}

// Verify compares the bytes of an object with r. The error is a *ChecksumError.
func (r *Ref) Verify(frame []byte) error {
	if found := RefTo(r.Key, frame); *found != *r {
		return &ChecksumError{What: fmt.Sprintf("object %q", r.Key), Want: fmt.Sprintf("%d bytes of sha256 %s", r.Bytes, r.SHA256), Found: fmt.Sprintf("%d of %s", found.Bytes, found.SHA256)}
	}
	return nil
}

// metadata keys of a reply that refers to its frame.
const (
	metaRef       = "ref"
	metaRefBytes  = "ref_bytes"
	metaRefSHA256 = "ref_sha256"
)

func (r *Ref) addTo(meta map[string]string) {
	meta[metaRef], meta[metaRefBytes], meta[metaRefSHA256] = r.Key, strconv.FormatInt(r.Bytes, 10), r.SHA256
}

// RefOf is the Ref in a reply's metadata; nil when the reply holds its tensors itself.
func RefOf(meta map[string]string) (*Ref, error) {
	key, ok := meta[metaRef]
	if !ok {
		return nil, nil
	}
	n, err := strconv.ParseInt(meta[metaRefBytes], 10, 64)
	if err != nil {
		return nil, &FormatError{What: "reply", Err: fmt.Errorf("metadata ref_bytes is %q, wanted a number", clip(meta[metaRefBytes]))}
	}
	r := &Ref{Key: key, Bytes: n, SHA256: meta[metaRefSHA256]}
	if err := r.Check(); err != nil {
		return nil, &FormatError{What: "reply", Err: err}
	}
	return r, nil
}

// bare are the metadata that JSON writes without quotes.
func bare(key string) bool {
	switch key {
	case metaVersion, metaAttempt, metaShard, metaRow, metaLoad, metaCompute, metaTotal, metaCold, metaRefBytes:
		return true
	}
	return false
}

// maxReport bounds one text in the JSON of a reply by reference; a coordinator's report is the longest.
const maxReport = 2 << 20

// decodeMeta reads the flat JSON object that EncodeRef makes for ReplyRef.
func decodeMeta(data []byte) (map[string]string, error) {
	meta := map[string]string{}
	s := jsonscan.New(data)
	err := s.Object(func(key []byte) error {
		name := string(key)
		if _, twice := meta[name]; twice {
			return fmt.Errorf("key %q stands twice", clip(name))
		}
		if s.Peek() == '"' {
			text, err := s.String()
			if len(text) > maxReport {
				err = fmt.Errorf("key %q has %d bytes", clip(name), len(text))
			}
			meta[name] = string(text)
			return err
		}
		from := s.Offset()
		err := s.Skip()
		meta[name] = string(data[from:s.Offset()])
		return err
	})
	if err == nil {
		err = s.End()
	}
	return meta, err
}
