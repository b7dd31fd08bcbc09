package wire

import (
	"fmt"
	"maps"
	"math"
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

// EncodeReply makes the reply of a shard in the form asked for. A reply beyond MaxReply is a *TooLargeError.
func EncodeReply(form string, e Echo, t Timings, out tensor.Named) ([]byte, error) {
	return EncodeFrame(form, out, map[string]string{
		metaVersion: strconv.Itoa(Version), metaFingerprint: e.Fingerprint, metaRequest: e.RequestID,
		metaAttempt: strconv.Itoa(e.Attempt), metaStep: e.Step, metaShard: strconv.Itoa(e.Shard), metaRow: strconv.Itoa(e.Row),
		metaLoad: strconv.FormatInt(t.LoadUS, 10), metaCompute: strconv.FormatInt(t.ComputeUS, 10),
		metaTotal: strconv.FormatInt(t.TotalUS, 10), metaCold: strconv.FormatBool(t.Cold),
	})
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
	meta[metaChecksum] = checksum(out)
	size, err := tensor.FrameSize(out, meta)
	if err != nil {
		return nil, err
	}
	encoded := size
	if form == ReplyBase64 {
		encoded = len(frameHead) + tensor.Base64Size(size) + len(frameTail)
	}
	if encoded > MaxReply {
		return nil, &TooLargeError{What: "reply", Bytes: encoded, Limit: MaxReply}
	}
	frame, err := tensor.AppendFrame(make([]byte, 0, size), out, meta)
	if err != nil || form == ReplyRaw {
		return frame, err
	}
	body := append(make([]byte, 0, encoded), frameHead...)
	return append(tensor.AppendBase64(body, frame), frameTail...), nil
}

// DecodeFrame reads a reply in the given form and checks its checksum where it has one. It takes data over: base64 is
// decoded in place, and the tensors are views of it.
func DecodeFrame(form string, data []byte) (tensor.Named, map[string]string, error) {
	if len(data) > MaxReply {
		return nil, nil, &TooLargeError{What: "reply", Bytes: len(data), Limit: MaxReply}
	}
	if form == ReplyBase64 {
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

// echoField is what one key of a reply's metadata must be.
type echoField struct{ key, want string }

func echoFields(e Echo) []echoField {
	return []echoField{{metaVersion, strconv.Itoa(Version)}, {metaFingerprint, e.Fingerprint}, {metaRequest, e.RequestID}, {metaStep, e.Step},
		{metaShard, strconv.Itoa(e.Shard)}, {metaRow, strconv.Itoa(e.Row)}}
}

// DecodeReply reads a shard's reply and refuses, with a *MismatchError naming the field, one that does not answer want.
// It takes data over as DecodeFrame does.
func DecodeReply(form string, data []byte, want Echo) (tensor.Named, Timings, error) {
	var t Timings
	out, meta, err := DecodeFrame(form, data)
	if err != nil {
		return nil, t, err
	}
	if _, ok := meta[metaChecksum]; !ok {
		return nil, t, &FormatError{What: "reply", Err: fmt.Errorf("metadata %s is missing", metaChecksum)}
	}
	for _, f := range append(echoFields(want), echoField{metaAttempt, strconv.Itoa(want.Attempt)}) {
		if found, ok := meta[f.key]; !ok || found != f.want {
			return nil, t, &MismatchError{Field: "reply's " + f.key, Want: f.want, Found: clip(found)}
		}
	}
	for _, f := range []struct {
		key string
		dst *int64
	}{{metaLoad, &t.LoadUS}, {metaCompute, &t.ComputeUS}, {metaTotal, &t.TotalUS}} {
		v, err := strconv.ParseInt(meta[f.key], 10, 64)
		if err != nil || v < 0 || v > math.MaxInt64/2 {
			return nil, t, &FormatError{What: "reply", Err: fmt.Errorf("metadata %s is %q, wanted a number of microseconds", f.key, clip(meta[f.key]))}
		}
		*f.dst = v
	}
	if t.Cold = meta[metaCold] == "true"; !t.Cold && meta[metaCold] != "false" {
		return nil, t, &FormatError{What: "reply", Err: fmt.Errorf("metadata cold is %q, wanted true or false", clip(meta[metaCold]))}
	}
	return out, t, nil
}
