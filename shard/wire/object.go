package wire

import (
	"maps"

	"github.com/shardwise/shardwise/internal/tensor"
)

// ObjectFrame makes the frame of tensors that is kept as an object: as in a message, with its checksum, and of any size. Equal
// tensors and metadata give equal bytes.
func ObjectFrame(n tensor.Named, meta map[string]string) ([]byte, error) {
	meta = maps.Clone(meta)
	if meta == nil {
		meta = map[string]string{}
	}
	meta[metaChecksum] = checksum(n)
	return tensor.AppendFrame(nil, n, meta)
}

// DecodeObject reads what ObjectFrame, or a function that replies by reference, wrote, and checks its checksum. It takes
// data over: the tensors are views of it.
func DecodeObject(data []byte) (tensor.Named, map[string]string, error) {
	return parseFrame("object", data)
}

// CheckEcho refuses, with a *MismatchError naming the field, the metadata of a reply that does not answer want. The attempt is
// not looked at.
func CheckEcho(meta map[string]string, want Echo) error {
	for _, f := range echoFields(want) {
		if found, ok := meta[f.key]; !ok || found != f.want {
			return &MismatchError{Field: "reply's " + f.key, Want: f.want, Found: clip(found)}
		}
	}
	return nil
}
