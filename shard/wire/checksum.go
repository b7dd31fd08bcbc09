package wire

import (
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strconv"

	"github.com/shardwise/shardwise/internal/tensor"
)

// metaChecksum is the frame's metadata key for the CRC32C of its tensors and its other metadata, in 8 hex digits. Transports have checks of
// their own; this one holds from the memory of one process to that of the other, at a few percent of base64's cost.
const metaChecksum = "crc32c"

// checksum covers the tensors' names, dtypes, shapes and bytes, in ascending order of names, and then the metadata beside
// the checksum itself: a flipped bit there is a garbled frame and not the answer of another shard.
func checksum(n tensor.Named, meta map[string]string) string {
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
	for _, key := range slices.Sorted(maps.Keys(meta)) {
		if key != metaChecksum {
			scratch = append(append(append(append(scratch[:0], key...), 0), meta[key]...), 0)
			sum = crc32.Update(sum, table, scratch)
		}
	}
	return fmt.Sprintf("%08x", sum)
}

// ChecksumError says that a frame or an object changed on their way.
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
		if found := checksum(n, meta); found != want {
			return nil, nil, &ChecksumError{What: "the frame", Want: "crc32c " + clip(want), Found: found}
		}
	}
	return n, meta, nil
}
