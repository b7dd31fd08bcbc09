package dataset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/shardwise/shardwise/internal/tensor"
)

// The npy format: magic, version, header length, a Python dictionary as text, data
// (https://numpy.org/neps/nep-0001-npy-format.html).
const (
	npyMagic     = "\x93NUMPY"
	npyMaxHeader = 1 << 16
	npyAlign     = 64
	// npyHeaderSize is what Writer reserves: enough for every shape of up to npyMaxRank dimensions.
	npyHeaderSize = 1024
	npyMaxRank    = 32
)

// npyHeader is what a header says.
type npyHeader struct {
	dtype   tensor.DType
	swap    bool // big-endian
	fortran bool
	shape   tensor.Shape
}

// readNPYHeader reads up to the first data byte and returns how many bytes that were.
func readNPYHeader(r io.Reader) (npyHeader, int, error) {
	var pre [12]byte
	if _, err := io.ReadFull(r, pre[:10]); err != nil {
		return npyHeader{}, 0, fmt.Errorf("it is too short for an npy header: %w", err)
	}
	if string(pre[:6]) != npyMagic {
		return npyHeader{}, 0, errors.New("it does not begin as an npy array does")
	}
	size, at := int(binary.LittleEndian.Uint16(pre[8:])), 10
	switch pre[6] {
	case 1:
	case 2, 3:
		if _, err := io.ReadFull(r, pre[10:12]); err != nil {
			return npyHeader{}, 0, fmt.Errorf("it is too short for an npy header: %w", err)
		}
		long := binary.LittleEndian.Uint32(pre[8:])
		if long > npyMaxHeader {
			return npyHeader{}, 0, fmt.Errorf("its npy header claims %d bytes", long)
		}
		size, at = int(long), 12
	default:
		return npyHeader{}, 0, fmt.Errorf("its npy version %d.%d is unknown", pre[6], pre[7])
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(r, text); err != nil {
		return npyHeader{}, 0, fmt.Errorf("its npy header is truncated: %w", err)
	}
	h, err := parseNPYDict(string(text))
	if err != nil {
		return npyHeader{}, 0, fmt.Errorf("npy header %q: %w", clip(string(bytes.TrimSpace(text))), err)
	}
	return h, at + size, nil
}

// parseNPYDict reads {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }, keys in any order.
func parseNPYDict(text string) (npyHeader, error) {
	p := dictParser{rest: strings.TrimRight(text, " \n")}
	var h npyHeader
	seen := map[string]bool{}
	p.token("{")
	for !p.accept("}") {
		key := p.quoted()
		p.token(":")
		if p.err != nil {
			break
		}
		if seen[key] {
			return h, fmt.Errorf("key %q appears twice", clip(key))
		}
		seen[key] = true
		switch key {
		case "descr":
			h.dtype, h.swap, p.err = npyDType(p.quoted(), p.err)
		case "fortran_order":
			if h.fortran = p.accept("True"); !h.fortran {
				p.token("False")
			}
		case "shape":
			h.shape = p.tuple()
		default:
			return h, fmt.Errorf("key %q is unknown", clip(key))
		}
		if !p.accept(",") {
			p.token("}")
			break
		}
	}
	if p.err == nil && p.rest != "" {
		p.err = errors.New("something follows the dictionary")
	}
	if p.err == nil && len(seen) != 3 {
		p.err = errors.New("descr, fortran_order and shape are all needed")
	}
	if p.err != nil {
		return h, p.err
	}
	n, err := h.shape.Elements()
	if err == nil && n > (1<<62)/h.dtype.Size() {
		err = fmt.Errorf("shape %v is too large", h.shape)
	}
	return h, err
}

// dictParser keeps its first error and then does nothing.
type dictParser struct {
	rest string
	err  error
}

func (p *dictParser) accept(token string) bool {
	p.rest = strings.TrimLeft(p.rest, " ")
	rest, ok := strings.CutPrefix(p.rest, token)
	if p.err != nil || !ok {
		return false
	}
	p.rest = rest
	return true
}

func (p *dictParser) token(token string) {
	if !p.accept(token) && p.err == nil {
		p.err = fmt.Errorf("wanted %s before %q", token, clip(p.rest))
	}
}

func (p *dictParser) quoted() string {
	quote := `'`
	if p.accept(`"`) {
		quote = `"`
	} else {
		p.token(`'`)
	}
	v, rest, ok := strings.Cut(p.rest, quote)
	if p.err != nil || !ok {
		if p.err == nil {
			p.err = errors.New("a string does not end")
		}
		return ""
	}
	p.rest = rest
	return v
}

func (p *dictParser) tuple() tensor.Shape {
	shape := tensor.Shape{}
	p.token("(")
	for p.err == nil && !p.accept(")") {
		p.rest = strings.TrimLeft(p.rest, " ")
		end := 0
		for end < len(p.rest) && p.rest[end] >= '0' && p.rest[end] <= '9' {
			end++
		}
		v, err := strconv.ParseUint(p.rest[:end], 10, 62)
		if err != nil || len(shape) == npyMaxRank {
			p.err = fmt.Errorf("wanted at most %d dimensions before %q", npyMaxRank, clip(p.rest))
			return nil
		}
		// NumPy under Python 2 wrote long integers with an L.
		p.rest = strings.TrimPrefix(p.rest[end:], "L")
		shape = append(shape, int(v))
		if !p.accept(",") {
			p.token(")")
			break
		}
	}
	return shape
}

var npyTypes = map[string]tensor.DType{
	"b1": tensor.Bool, "u1": tensor.U8, "i1": tensor.I8, "u2": tensor.U16, "i2": tensor.I16, "f2": tensor.F16,
	"u4": tensor.U32, "i4": tensor.I32, "f4": tensor.F32, "u8": tensor.U64, "i8": tensor.I64, "f8": tensor.F64,
}

func npyDType(descr string, err error) (tensor.DType, bool, error) {
	if err != nil {
		return tensor.Invalid, false, err
	}
	if len(descr) == 3 && strings.ContainsRune("<>|=", rune(descr[0])) {
		if d, ok := npyTypes[descr[1:]]; ok && (descr[0] != '|' || d.Size() == 1) {
			return d, descr[0] == '>' && d.Size() > 1, nil
		}
	}
	return tensor.Invalid, false, fmt.Errorf("dtype %q is not supported: convert the array with .astype(\"float32\"), or to the model's integer or bool dtype, and save it again", clip(descr))
}

// appendNPYHeader appends a header of exactly size bytes, a multiple of npyAlign.
func appendNPYHeader(dst []byte, d tensor.DType, shape tensor.Shape, size int) ([]byte, error) {
	descr := ""
	for name, t := range npyTypes {
		if t == d {
			descr = "<" + name
			if d.Size() == 1 {
				descr = "|" + name
			}
		}
	}
	if descr == "" {
		return nil, fmt.Errorf("npy has no dtype for %v: use safetensors, CSV or JSON Lines", d)
	}
	var dims strings.Builder
	for i, n := range shape {
		if i > 0 {
			dims.WriteByte(' ')
		}
		fmt.Fprintf(&dims, "%d,", n)
	}
	tuple := dims.String()
	if len(shape) > 1 {
		tuple = strings.TrimSuffix(tuple, ",")
	}
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, tuple)
	if pad := size - 10 - len(text) - 1; pad >= 0 {
		dst = append(dst, npyMagic+"\x01\x00"...)
		dst = binary.LittleEndian.AppendUint16(dst, uint16(size-10))
		dst = append(dst, text...)
		return append(append(dst, strings.Repeat(" ", pad)...), '\n'), nil
	}
	return nil, fmt.Errorf("shape %v is too long for an npy header of %d bytes", shape, size)
}
