package wire

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard/wire/jsonscan"
)

// maxBudgetMS bounds budget_ms to the longest timeout that Lambda gives any function (5,400 s), with room.
const maxBudgetMS = 24 * 3600 * 1000

// fields are the keys of a request; a key's position is its bit in the set of those seen.
func fields() [20]string {
	return [...]string{"version", "kind", "fingerprint", "request", "attempt", "step", "shard", "row", "rows", "budget_ms",
		"outputs", "mode", "wire_dtype", "trace", "reply", "body", "ref", "ref_bytes", "ref_sha256", "reply_key"}
}

type decoder struct {
	s    *jsonscan.Scanner
	r    Request
	seen uint32
	ref  Ref
}

// DecodeRequest reads a request. Nothing of data is retained. It refuses unknown, doubled and missing keys
// (*FormatError), another protocol version (*MismatchError) and what is not supported yet (*UnsupportedError).
func DecodeRequest(data []byte) (*Request, error) {
	if len(data) > MaxRequest {
		return nil, &TooLargeError{What: "request", Bytes: len(data), Limit: MaxRequest}
	}
	d := &decoder{s: jsonscan.New(data)}
	err := d.s.Object(d.field)
	if err == nil {
		err = d.s.End()
	}
	if err == nil {
		err = d.check()
	}
	if err != nil {
		return nil, asRequestError(err)
	}
	return &d.r, nil
}

func asRequestError(err error) error {
	var mismatch *MismatchError
	var unsupported *UnsupportedError
	if errors.As(err, &mismatch) || errors.As(err, &unsupported) {
		return err
	}
	return &FormatError{What: "request", Err: err}
}

func (d *decoder) field(key []byte) error {
	name := string(key)
	bit := uint32(0)
	for i, f := range fields() {
		if f == name {
			bit = 1 << i
		}
	}
	if bit == 0 {
		return fmt.Errorf("unknown key %q at offset %d", clip(name), d.s.Offset())
	}
	if d.seen&bit != 0 {
		return fmt.Errorf("key %q stands twice, again at offset %d", name, d.s.Offset())
	}
	d.seen |= bit
	return d.value(name)
}

func (d *decoder) value(name string) (err error) {
	switch name {
	case "version":
		err = d.version()
	case "kind":
		err = d.text(&d.r.Kind)
	case "fingerprint":
		err = d.text(&d.r.Fingerprint)
	case "request":
		err = d.text(&d.r.RequestID)
	case "attempt":
		err = d.count(&d.r.Attempt)
	case "step":
		err = d.text(&d.r.Step)
	case "shard":
		err = d.count(&d.r.Shard)
	case "row":
		err = d.count(&d.r.Row)
	case "rows":
		err = d.count(&d.r.Rows)
	case "budget_ms":
		d.r.BudgetMS, err = d.s.Int(0, maxBudgetMS)
	case "outputs":
		err = d.outputs()
	case "mode":
		err = d.text(&d.r.Mode)
	case "wire_dtype":
		err = d.text(&d.r.WireDType)
	case "trace":
		err = d.text(&d.r.Trace)
	case "reply":
		err = d.text(&d.r.Reply)
	case "body":
		d.r.Body, err = decodeBody(d.s)
	case "ref":
		err = d.text(&d.ref.Key)
	case "ref_bytes":
		d.ref.Bytes, err = d.s.Int(0, math.MaxInt64/16)
	case "ref_sha256":
		err = d.text(&d.ref.SHA256)
	case "reply_key":
		err = d.text(&d.r.ReplyKey)
	}
	if err != nil {
		return fmt.Errorf("key %q: %w", name, err)
	}
	return nil
}

func (d *decoder) version() error {
	v, err := d.s.Int(0, math.MaxInt32)
	if err == nil && v != Version {
		return &MismatchError{Field: "protocol version", Want: strconv.Itoa(Version), Found: strconv.FormatInt(v, 10)}
	}
	return err
}

func (d *decoder) text(dst *string) error {
	t, err := d.s.String()
	if err != nil {
		return err
	}
	if len(t) > MaxText {
		return fmt.Errorf("text of %d bytes, at most %d are allowed", len(t), MaxText)
	}
	*dst = string(t)
	return nil
}

func (d *decoder) count(dst *int) error {
	v, err := d.s.Int(0, math.MaxInt32)
	*dst = int(v)
	return err
}

func (d *decoder) outputs() error {
	return d.s.Array(func(i int) error {
		if i >= MaxOutputs {
			return fmt.Errorf("more than %d names", MaxOutputs)
		}
		var name string
		if err := d.text(&name); err != nil {
			return err
		}
		d.r.Outputs = append(d.r.Outputs, name)
		return nil
	})
}

// decodeBody reads a string of base64 into an aligned buffer of its own.
func decodeBody(s *jsonscan.Scanner) ([]byte, error) {
	text, err := bodyText(s)
	if err != nil {
		return nil, err
	}
	return tensor.DecodeBase64(text)
}

// bodyText reads a string of base64 without decoding it. Serialisers may escape '/' and '+', so escapes are undone.
func bodyText(s *jsonscan.Scanner) ([]byte, error) {
	raw, escaped, err := s.RawString()
	if err != nil || !escaped {
		return raw, err
	}
	text, bad := jsonscan.Unescape(make([]byte, 0, len(raw)), raw)
	if bad >= 0 {
		return nil, fmt.Errorf("byte %d of the string is no JSON escape", bad)
	}
	return text, nil
}

func (d *decoder) has(name string) bool {
	for i, f := range fields() {
		if f == name {
			return d.seen&(1<<i) != 0
		}
	}
	return false
}

func (d *decoder) check() error {
	need := []string{"version", "kind"}
	switch d.r.Kind {
	case KindInfer:
		need = append(need, "fingerprint", "request", "attempt", "step", "shard", "reply")
	case KindWarm:
		need = append(need, "fingerprint", "shard")
	case KindDescribe, KindPredict:
	default:
		return fmt.Errorf("kind %q is none of infer, warm, describe, predict", clip(d.r.Kind))
	}
	empty := map[string]bool{"fingerprint": d.r.Fingerprint == "", "request": d.r.RequestID == "", "step": d.r.Step == "", "reply": d.r.Reply == ""}
	for _, name := range need {
		if !d.has(name) || empty[name] {
			return fmt.Errorf("key %q is missing or empty", name)
		}
	}
	if err := d.checkTensors(); err != nil {
		return err
	}
	return d.checkValues()
}

// checkTensors wants tensors, in one of the two forms, where the kind has them and nowhere else.
func (d *decoder) checkTensors() error {
	has, wanted := d.has("body"), d.r.Kind == KindInfer || d.r.Kind == KindPredict
	parts := 0
	for _, name := range []string{"ref", "ref_bytes", "ref_sha256"} {
		if d.has(name) {
			parts++
		}
	}
	switch {
	case parts == 3:
		if err := d.ref.Check(); err != nil {
			return err
		}
		if has || !wanted {
			return fmt.Errorf("a request of kind %q with ref and body %v", d.r.Kind, has)
		}
		d.r.Ref = &d.ref
		return nil
	case parts > 0:
		return errors.New("ref, ref_bytes and ref_sha256 belong together")
	case has != wanted:
		return fmt.Errorf("a request of kind %q with body %v", d.r.Kind, has)
	}
	return nil
}

func (d *decoder) checkValues() error {
	if d.has("reply_key") {
		if err := checkKey("reply_key", d.r.ReplyKey); err != nil {
			return err
		}
	}
	switch d.r.Reply {
	case "":
		d.r.Reply = ReplyBase64
	case ReplyRaw, ReplyBase64:
	case ReplyRef:
		if d.r.ReplyKey == "" {
			return errors.New(`reply "ref" wants a reply_key`)
		}
	default:
		return fmt.Errorf(`reply %q is none of "raw", "base64", "ref"`, clip(d.r.Reply))
	}
	if d.r.WireDType != "" {
		return &UnsupportedError{Feature: "wire_dtype " + strconv.Quote(clip(d.r.WireDType)), Remedy: "leave it out: floats travel in their own dtype"}
	}
	return nil
}

func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "..."
	}
	return s
}
