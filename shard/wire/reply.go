package wire

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard/wire/jsonscan"
)

// Echo is what a reply repeats of its request, so that the asker can tell whose answer it is.
type Echo struct {
	Fingerprint string
	RequestID   string
	Attempt     int
	Step        string
	Shard       int
	Row         int
}

// Timings say how long the function worked: Load is opening and checking weights, Compute the program's run, Total
// everything from the first byte of the request to the last of the reply. Cold is true for the first request that an
// execution environment answers. Microseconds.
type Timings struct {
	LoadUS    int64
	ComputeUS int64
	TotalUS   int64
	Cold      bool
}

// EchoOf is the Echo of a request.
func EchoOf(r *Request) Echo {
	return Echo{Fingerprint: r.Fingerprint, RequestID: r.RequestID, Attempt: r.Attempt, Step: r.Step, Shard: r.Shard, Row: r.Row}
}

// metadata keys of a shard's reply.
const (
	metaVersion     = "version"
	metaFingerprint = "fingerprint"
	metaRequest     = "request"
	metaAttempt     = "attempt"
	metaStep        = "step"
	metaShard       = "shard"
	metaRow         = "row"
	metaLoad        = "load_us"
	metaCompute     = "compute_us"
	metaTotal       = "total_us"
	metaCold        = "cold"
)

// EncodeReply makes the reply of a shard in the form asked for, ReplyRaw or ReplyBase64. A reply beyond MaxReply is a
// *TooLargeError.
func EncodeReply(form string, e Echo, t Timings, out tensor.Named) ([]byte, error) {
	return EncodeFrame(form, out, replyMeta(e, t))
}

// EncodeObject makes the frame of a reply that is too large for a message, or wanted as an object: the raw reply, without
// its limit.
func EncodeObject(e Echo, t Timings, out tensor.Named) ([]byte, error) {
	return ObjectFrame(out, replyMeta(e, t))
}

// EncodeRefReply makes the small reply that tells where the frame of EncodeObject is: for ReplyRaw and ReplyBase64 a frame without
// tensors, for ReplyRef a flat JSON object. Both have the same metadata.
func EncodeRefReply(form string, e Echo, t Timings, ref *Ref) ([]byte, error) {
	return EncodeRef(form, replyMeta(e, t), ref)
}

func replyMeta(e Echo, t Timings) map[string]string {
	return map[string]string{
		metaVersion: strconv.Itoa(Version), metaFingerprint: e.Fingerprint, metaRequest: e.RequestID,
		metaAttempt: strconv.Itoa(e.Attempt), metaStep: e.Step, metaShard: strconv.Itoa(e.Shard), metaRow: strconv.Itoa(e.Row),
		metaLoad: strconv.FormatInt(t.LoadUS, 10), metaCompute: strconv.FormatInt(t.ComputeUS, 10),
		metaTotal: strconv.FormatInt(t.TotalUS, 10), metaCold: strconv.FormatBool(t.Cold),
	}
}

// EncodeRef is EncodeRefReply with metadata of the caller's. A key that is bare in JSON must hold a number or a boolean.
func EncodeRef(form string, meta map[string]string, ref *Ref) ([]byte, error) {
	meta = maps.Clone(meta)
	ref.addTo(meta)
	if form != ReplyRef {
		return EncodeFrame(form, nil, meta)
	}
	b := []byte{'{'}
	for i, key := range slices.Sorted(maps.Keys(meta)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(AppendString(b, key), ':')
		if bare(key) {
			b = append(b, meta[key]...)
		} else {
			b = AppendString(b, meta[key])
		}
	}
	b = append(b, '}')
	if len(b) > MaxReply {
		return nil, &TooLargeError{What: "reply", Bytes: len(b), Limit: MaxReply}
	}
	return b, nil
}

// ObjectFrame makes a frame of tensors and metadata with their checksum, of any size.
func ObjectFrame(out tensor.Named, meta map[string]string) ([]byte, error) {
	meta = maps.Clone(meta)
	if meta == nil {
		meta = map[string]string{}
	}
	meta[metaChecksum] = checksum(out, meta)
	return tensor.AppendFrame(nil, out, meta)
}

const (
	frameHead = `{"frame":"`
	frameTail = `"}`
)

// EncodeFrame makes a reply of tensors and metadata in the form asked for, and adds their checksum. Sizes are checked before anything is copied.
func EncodeFrame(form string, out tensor.Named, meta map[string]string) ([]byte, error) {
	meta = maps.Clone(meta)
	if meta == nil {
		meta = map[string]string{}
	}
	meta[metaChecksum] = checksum(out, meta)
	plan, err := tensor.PlanFrame(out, meta)
	if err != nil {
		return nil, err
	}
	encoded := plan.Size()
	if form == ReplyBase64 {
		encoded = len(frameHead) + tensor.Base64Size(encoded) + len(frameTail)
	}
	if encoded > MaxReply {
		return nil, &TooLargeError{What: "reply", Bytes: encoded, Limit: MaxReply}
	}
	frame := plan.Append(nil)
	if form == ReplyRaw {
		return frame, nil
	}
	body := append(make([]byte, 0, encoded), frameHead...)
	return append(tensor.AppendBase64(body, frame), frameTail...), nil
}

// DecodeFrame reads a reply in the given form and checks its checksum where it has one. It takes data over: base64 is
// decoded in place, and the tensors are views of it. RefOf tells whether the tensors are elsewhere; of ReplyRef they always are.
func DecodeFrame(form string, data []byte) (tensor.Named, map[string]string, error) {
	if len(data) > MaxReply {
		return nil, nil, &TooLargeError{What: "reply", Bytes: len(data), Limit: MaxReply}
	}
	switch form {
	case ReplyRef:
		meta, err := decodeMeta(data)
		if err != nil {
			return nil, nil, &FormatError{What: "reply", Err: err}
		}
		return nil, meta, nil
	case ReplyBase64:
		body, err := decodeFrameObject(data)
		if err != nil {
			return nil, nil, &FormatError{What: "reply", Err: err}
		}
		data = body
	}
	return parseFrame("reply", data)
}

func decodeFrameObject(data []byte) ([]byte, error) {
	var text []byte
	seen := false
	s := jsonscan.New(data)
	err := s.Object(func(key []byte) (err error) {
		if string(key) != "frame" || seen {
			return fmt.Errorf("wanted the key \"frame\" once, found %q", clip(string(key)))
		}
		seen = true
		text, err = bodyText(s)
		return err
	})
	if err == nil {
		err = s.End()
	}
	if err == nil && !seen {
		err = fmt.Errorf("key \"frame\" is missing")
	}
	if err != nil {
		return nil, err
	}
	// The text begins behind the start of data and decoding writes no faster than it reads, so both may share the buffer:
	// a fan-out gets its replies without another buffer for each.
	return tensor.DecodeBase64Into(data[:0], text)
}

// DecodeObject reads the frame that a reply referred to, whatever its size, and checks its checksum. It takes data over.
func DecodeObject(data []byte) (tensor.Named, map[string]string, error) {
	return parseFrame("reply", data)
}

// Reply is a shard's decoded reply: its tensors, or the Ref of the object that holds them.
type Reply struct {
	Tensors tensor.Named
	Timings Timings
	Ref     *Ref
}

// DecodeReply reads a shard's reply and refuses, with a *MismatchError naming the field, one that does not answer want.
// It takes data over as DecodeFrame does.
func DecodeReply(form string, data []byte, want Echo) (*Reply, error) {
	out, meta, err := DecodeFrame(form, data)
	if err != nil {
		return nil, err
	}
	r, err := readReply(out, meta, want, form != ReplyRef)
	if err != nil {
		return nil, err
	}
	if r.Ref, err = RefOf(meta); err != nil {
		return nil, err
	}
	if r.Ref == nil && form == ReplyRef || r.Ref != nil && len(out) > 0 {
		return nil, &FormatError{What: "reply", Err: fmt.Errorf("wanted tensors or a ref, found %d tensors and ref %v", len(out), r.Ref != nil)}
	}
	return r, nil
}

// DecodeReplyObject reads the object that a shard's reply referred to, and refuses one that does not answer want: an object
// of another shard or attempt says so itself. It takes data over.
func DecodeReplyObject(data []byte, want Echo) (*Reply, error) {
	out, meta, err := DecodeObject(data)
	if err != nil {
		return nil, err
	}
	return readReply(out, meta, want, true)
}

func readReply(out tensor.Named, meta map[string]string, want Echo, summed bool) (*Reply, error) {
	r := &Reply{Tensors: out}
	t := &r.Timings
	if _, ok := meta[metaChecksum]; !ok && summed {
		return nil, &FormatError{What: "reply", Err: fmt.Errorf("metadata %s is missing", metaChecksum)}
	}
	for _, f := range []struct{ key, want string }{
		{metaVersion, strconv.Itoa(Version)}, {metaFingerprint, want.Fingerprint}, {metaRequest, want.RequestID},
		{metaAttempt, strconv.Itoa(want.Attempt)}, {metaStep, want.Step}, {metaShard, strconv.Itoa(want.Shard)}, {metaRow, strconv.Itoa(want.Row)},
	} {
		if found, ok := meta[f.key]; !ok || found != f.want {
			return nil, &MismatchError{Field: "reply's " + f.key, Want: f.want, Found: clip(found)}
		}
	}
	for _, f := range []struct {
		key string
		dst *int64
	}{{metaLoad, &t.LoadUS}, {metaCompute, &t.ComputeUS}, {metaTotal, &t.TotalUS}} {
		v, err := strconv.ParseInt(meta[f.key], 10, 64)
		if err != nil || v < 0 || v > math.MaxInt64/2 {
			return nil, &FormatError{What: "reply", Err: fmt.Errorf("metadata %s is %q, wanted a number of microseconds", f.key, clip(meta[f.key]))}
		}
		*f.dst = v
	}
	if t.Cold = meta[metaCold] == "true"; !t.Cold && meta[metaCold] != "false" {
		return nil, &FormatError{What: "reply", Err: fmt.Errorf("metadata cold is %q, wanted true or false", clip(meta[metaCold]))}
	}
	return r, nil
}
