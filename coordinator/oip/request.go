package oip

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard/wire"
	"github.com/shardwise/shardwise/shard/wire/jsonscan"
)

// Bounds on hostile requests; tensors are bounded by the text that they come from.
const (
	maxTensors = 1 << 12
	maxRank    = 16
)

// Request is a decoded infer request. Mode and DeadlineMS come from its parameters.
type Request struct {
	ID         string
	Inputs     tensor.Named
	Outputs    []string
	Mode       string
	DeadlineMS int64

	binary    map[string]bool // outputs that say themselves whether they are wanted as binary data
	binaryAll bool            // what holds for the others
}

// decoder is the state of one Decode.
type decoder struct {
	s    *jsonscan.Scanner
	r    Request
	seen map[string]bool

	extended bool   // the binary tensor data extension is in use
	tail     []byte // binary data that no input has taken yet
}

// KeyError says that an object has keys other than an infer request's, so that it may be something else altogether. It
// stands in the chain of a *wire.FormatError.
type KeyError struct {
	Key     string
	Missing bool // false: the key is unknown
}

// Error names the key.
func (e *KeyError) Error() string {
	if e.Missing {
		return fmt.Sprintf("key %q is missing", clip(e.Key))
	}
	return fmt.Sprintf("unknown key %q; known are id, inputs, outputs, parameters", clip(e.Key))
}

// Decode reads an infer request. Errors are *wire.FormatError, or *wire.UnsupportedError for what the protocol has and
// this package does not.
func Decode(payload []byte) (*Request, error) {
	return newDecoder(payload).decode()
}

func newDecoder(payload []byte) *decoder {
	return &decoder{s: jsonscan.New(payload), r: Request{Inputs: tensor.Named{}}, seen: map[string]bool{}}
}

func (d *decoder) decode() (*Request, error) {
	err := d.s.Object(d.field)
	if err == nil {
		err = d.s.End()
	}
	if err == nil && !d.seen["inputs"] {
		err = &KeyError{Key: "inputs", Missing: true}
	}
	if err == nil && len(d.tail) > 0 {
		err = fmt.Errorf("%d bytes of binary data belong to no input", len(d.tail))
	}
	if err == nil {
		return &d.r, nil
	}
	if u, ok := err.(*wire.UnsupportedError); ok {
		return nil, u
	}
	return nil, &wire.FormatError{What: "infer request", Err: err}
}

func (d *decoder) field(key []byte) (err error) {
	name := string(key)
	if d.seen[name] {
		return fmt.Errorf("key %q stands twice", name)
	}
	switch name {
	case "id":
		if d.r.ID, err = text(d.s); err != nil {
			err = fmt.Errorf("id: %w", err)
		}
	case "inputs":
		err = d.s.Array(d.input)
	case "outputs":
		err = d.s.Array(d.output)
	case "parameters":
		err = d.parameters()
	default:
		return &KeyError{Key: name}
	}
	d.seen[name] = true
	return err
}

func text(s *jsonscan.Scanner) (string, error) {
	t, err := s.String()
	if err == nil && len(t) > wire.MaxText {
		err = fmt.Errorf("text of %d bytes, at most %d are allowed", len(t), wire.MaxText)
	}
	return string(t), err
}

func (d *decoder) output(i int) error {
	if i >= maxTensors {
		return fmt.Errorf("more than %d outputs", maxTensors)
	}
	name := ""
	var binary *bool
	err := d.s.Object(func(key []byte) (err error) {
		switch string(key) {
		case "name":
			name, err = text(d.s)
		case "parameters":
			binary, err = d.outputParameters()
		default:
			err = fmt.Errorf("unknown key %q in output %d", clip(string(key)), i)
		}
		return err
	})
	if err == nil && name == "" {
		err = fmt.Errorf("output %d has no name", i)
	}
	if binary != nil {
		if d.r.binary == nil {
			d.r.binary = map[string]bool{}
		}
		d.r.binary[name] = *binary
	}
	d.r.Outputs = append(d.r.Outputs, name)
	return err
}

func (d *decoder) parameters() error {
	seen := map[string]bool{}
	return d.s.Object(func(key []byte) (err error) {
		name := string(key)
		if seen[name] {
			return fmt.Errorf("parameter %q stands twice", clip(name))
		}
		seen[name] = true
		switch name {
		case "mode":
			d.r.Mode, err = text(d.s)
		case "deadline_ms":
			d.r.DeadlineMS, err = d.s.Int(1, math.MaxInt32)
		case "binary_data_output":
			if d.r.binaryAll, err = d.s.Bool(); d.r.binaryAll && !d.extended {
				err = &wire.UnsupportedError{Feature: "binary_data_output", Remedy: "ask for outputs as JSON"}
			}
		default:
			err = &wire.UnsupportedError{Feature: fmt.Sprintf("parameter %q", clip(name)), Remedy: "known are mode, deadline_ms and, over HTTP, binary_data_output"}
		}
		return ofParameter(name, err)
	})
}

// ofParameter names the parameter whose value is wrong. What is not supported names itself.
func ofParameter(name string, err error) error {
	if _, unsupported := err.(*wire.UnsupportedError); err == nil || unsupported {
		return err
	}
	return fmt.Errorf("parameter %q: %w", name, err)
}

func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "..."
	}
	return s
}
