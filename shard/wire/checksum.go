package wire

import (
	"fmt"
	"hash/crc32"
	"strconv"

	"github.com/shardwise/shardwise/internal/tensor"
)

// metaChecksum is the frame's metadata key for the CRC32C of its tensors, in 8 hex digits. Transports have checks of
// their own; this one holds from the memory of one process to that of the other, at a few percent of base64's cost.
const metaChecksum = "crc32c"

// checksum covers names, dtypes, shapes and bytes, in ascending order of names.
func checksum(n tensor.Named) string {
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := uint32(0)
	var scratch []byte
	for _, name := range n.Names() {
		t := n[name]
		scratch = append(append(scratch[:0], name...), 0, byte(t.DType()), byte(t.Rank()))
		for _, d := range t.Shape() {
			scratch = append(strconv.AppendInt(scratch, int64(d), 10), ',')
		}
		for _, o := range t.Offsets() {
			scratch = append(strconv.AppendInt(scratch, o, 10), ',')
		}
		sum = crc32.Update(sum, table, scratch)
		sum = crc32.Update(sum, table, t.Bytes())
	}
	return fmt.Sprintf("%08x", sum)
}

// ChecksumError says that tensors changed on their way.
type ChecksumError struct {
	What        string // "the frame", or an object by its key
	Want, Found string
}

// Error gives both sums.
func (e *ChecksumError) Error() string {
	return fmt.Sprintf("%s changed on the way: wanted %s, found %s; send it again", e.What, e.Want, e.Found)
}

// ParseBody reads the frame of a request's body. Tensors are views of body. A checksum in its metadata is checked; a
// frame without one, as simple clients may send, is accepted. Errors are *FormatError and *ChecksumError.
func ParseBody(body []byte) (tensor.Named, error) {
	n, _, err := parseFrame("request", body)
	return n, err
}

func parseFrame(what string, frame []byte) (tensor.Named, map[string]string, error) {
	n, meta, err := tensor.ParseFrame(frame, tensor.Limits{})
	if err != nil {
		return nil, nil, &FormatError{What: what, Err: err}
	}
	if want, ok := meta[metaChecksum]; ok {
		if found := checksum(n); found != want {
			return nil, nil, &ChecksumError{What: "the frame", Want: "crc32c " + clip(want), Found: found}
		}
	}
	return n, meta, nil
}
