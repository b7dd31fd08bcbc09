package wire

import "github.com/shardwise/shardwise/internal/tensor"

// Version is the protocol version that this package speaks.
const Version = 1

// MaxRequest is the greatest encoded request that Lambda's Invoke accepts, in bytes (Lambda quotas: 6 MB synchronous;
// its 413 answer gives the number).
const MaxRequest = 6_291_456

// MaxReply is the greatest encoded reply of a synchronous invocation, in bytes: 6 MiB + 100 (the text of
// Function.ResponseSizeTooLarge gives the number).
const MaxReply = 6_291_556

// Bounds on the small fields, so that hostile requests stay small in memory and logs.
const (
	MaxText    = 1 << 10 // bytes of one text field
	MaxOutputs = 1 << 12 // wanted outputs
)

// The kinds of request.
const (
	KindInfer    = "infer"    // a shard runs its program of a step
	KindWarm     = "warm"     // a shard reads and checks all its weights
	KindDescribe = "describe" // a function says what it holds
	KindPredict  = "predict"  // a coordinator answers for the whole model
)

// The forms of reply.
const (
	ReplyRaw    = "raw"    // the frame's own bytes
	ReplyBase64 = "base64" // {"frame":"<base64>"}
	ReplyRef    = "ref"    // the frame goes to reply_key; the reply is JSON that tells where it is
)

// Request is a decoded request; the package comment says what the fields mean. Body is the frame, decoded from base64
// into a buffer of its own, aligned to 8 bytes; it is nil when the request has none, or has Ref in its place.
type Request struct {
	Kind        string
	Fingerprint string
	RequestID   string
	Attempt     int
	Step        string
	Shard       int
	Row, Rows   int
	BudgetMS    int64
	Outputs     []string
	Mode        string
	WireDType   string
	Trace       string
	Reply       string
	ReplyKey    string
	Ref         *Ref
	Body        []byte
}

// EncodeBody makes the body of a request from its tensors, once for all the shards that get the same ones.
func EncodeBody(in tensor.Named) ([]byte, error) {
	frame, err := BodyFrame(in)
	if err != nil {
		return nil, err
	}
	return tensor.AppendBase64(nil, frame), nil
}

// BodyFrame is the frame that EncodeBody puts into base64: what an object holds to which a request refers.
func BodyFrame(in tensor.Named) ([]byte, error) {
	return tensor.AppendFrame(nil, in, map[string]string{metaChecksum: checksum(in, nil)})
}

// BodySize is the length of what EncodeBody makes, without making it.
func BodySize(in tensor.Named) (int, error) {
	p, err := tensor.PlanFrame(in, map[string]string{metaChecksum: "00000000"})
	if err != nil {
		return 0, err
	}
	return tensor.Base64Size(p.Size()), nil
}

// AppendRequest appends the encoded request to dst. body is what EncodeBody returned, nil for a request without one or
// with r.Ref; r.Body is not looked at. A request beyond MaxRequest is a *TooLargeError, with dst's old content returned.
func AppendRequest(dst []byte, r *Request, body []byte) ([]byte, error) {
	start := len(dst)
	out := appendHead(dst, r)
	size := len(out) - start + len(`,"body":""}`) + len(body)
	if body == nil {
		size = len(out) - start + 1
	}
	if size > MaxRequest {
		return dst, &TooLargeError{What: "request", Bytes: size, Limit: MaxRequest}
	}
	if body != nil {
		if need := start + size; cap(out) < need {
			out = append(make([]byte, 0, need), out...)
		}
		out = append(out, `,"body":"`...)
		out = append(out, body...)
		out = append(out, '"')
	}
	return append(out, '}'), nil
}

func appendHead(b []byte, r *Request) []byte {
	b = appendInt(append(b, '{'), "version", Version)
	b = appendText(append(b, ','), "kind", r.Kind)
	for _, f := range []struct{ key, value string }{
		{"fingerprint", r.Fingerprint}, {"request", r.RequestID}, {"step", r.Step}, {"mode", r.Mode},
		{"wire_dtype", r.WireDType}, {"trace", r.Trace}, {"reply", r.Reply}, {"reply_key", r.ReplyKey},
	} {
		if f.value != "" {
			b = appendText(append(b, ','), f.key, f.value)
		}
	}
	for _, f := range []struct {
		key   string
		value int64
	}{
		{"attempt", int64(r.Attempt)}, {"shard", int64(r.Shard)}, {"row", int64(r.Row)}, {"rows", int64(r.Rows)}, {"budget_ms", r.BudgetMS},
	} {
		b = appendInt(append(b, ','), f.key, f.value)
	}
	if r.Ref != nil {
		b = appendText(append(b, ','), "ref", r.Ref.Key)
		b = appendInt(append(b, ','), "ref_bytes", r.Ref.Bytes)
		b = appendText(append(b, ','), "ref_sha256", r.Ref.SHA256)
	}
	if len(r.Outputs) == 0 {
		return b
	}
	b = append(b, `,"outputs":[`...)
	for i, name := range r.Outputs {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendString(b, name)
	}
	return append(b, ']')
}
