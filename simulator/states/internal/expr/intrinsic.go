package expr

import (
	"crypto/md5"  // States.Hash offers it
	"crypto/sha1" // States.Hash offers it
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"math/rand/v2"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/shardwise/shardwise/simulator/states/internal/value"
)

const (
	maxRange = 1000     // elements of States.ArrayRange
	maxText  = 10000    // characters that Base64Encode, Base64Decode and Hash take
	anyCount = 1 << 30  // of arguments
	depthOne = "States" // the only name space
)

// intrinsic is a function with the number of arguments that it takes.
type intrinsic struct {
	least, most int
	eval        func(args []any) (any, error)
}

func (f intrinsic) check(name string, n int) error {
	if n < f.least || n > f.most {
		return fmt.Errorf("%s does not take %d arguments", name, n)
	}
	return nil
}

// intrinsics finds a function by its full name.
func intrinsics(name string) (intrinsic, bool) {
	space, short, _ := strings.Cut(name, ".")
	if space != depthOne {
		return intrinsic{}, false
	}
	switch short {
	case "Format":
		return intrinsic{1, anyCount, format}, true
	case "StringToJson":
		return intrinsic{1, 1, stringToJSON}, true
	case "JsonToString":
		return intrinsic{1, 1, jsonToString}, true
	case "JsonMerge":
		return intrinsic{3, 3, jsonMerge}, true
	case "Base64Encode":
		return intrinsic{1, 1, text(func(s string) (any, error) { return base64.StdEncoding.EncodeToString([]byte(s)), nil })}, true
	case "Base64Decode":
		return intrinsic{1, 1, text(base64Decode)}, true
	case "Hash":
		return intrinsic{2, 2, digest}, true
	case "MathRandom":
		return intrinsic{2, 3, mathRandom}, true
	case "MathAdd":
		return intrinsic{2, 2, mathAdd}, true
	case "StringSplit":
		return intrinsic{2, 2, stringSplit}, true
	case "UUID":
		return intrinsic{0, 0, newUUID}, true
	}
	return arrayIntrinsics(short)
}

func newUUID([]any) (any, error) {
	id, err := uuid.NewRandom()
	return id.String(), err
}

// format replaces each {} by the next argument: a text as it is, anything else as JSON.
func format(args []any) (any, error) {
	layout, ok := args[0].(string)
	if !ok {
		return nil, errors.New("the first argument is no text")
	}
	var b strings.Builder
	next := 1
	for i := 0; i < len(layout); i++ {
		switch c := layout[i]; {
		case c == '\\' && i+1 < len(layout) && strings.IndexByte(`{}\`, layout[i+1]) >= 0:
			i++
			b.WriteByte(layout[i])
		case c == '{' && i+1 < len(layout) && layout[i+1] == '}':
			if next == len(args) {
				return nil, fmt.Errorf("the text has more {} than there are arguments, %d", len(args)-1)
			}
			s, ok := args[next].(string)
			if !ok {
				raw, err := value.Bounded(args[next])
				if err != nil {
					return nil, err
				}
				s = string(raw)
			}
			if b.WriteString(s); b.Len() > value.MaxBytes {
				return nil, value.ErrLarge
			}
			next++
			i++
		case c == '{' || c == '}':
			return nil, errors.New("a brace stands alone; write it with a backslash")
		default:
			b.WriteByte(c)
		}
	}
	if next != len(args) {
		return nil, fmt.Errorf("the text has %d {} for %d arguments", next-1, len(args)-1)
	}
	return b.String(), nil
}

func stringToJSON(args []any) (any, error) {
	s, ok := args[0].(string)
	if !ok {
		return nil, errors.New("the argument is no text")
	}
	return value.Decode([]byte(s))
}

func jsonToString(args []any) (any, error) {
	raw, err := value.Bounded(args[0])
	return string(raw), err
}

// jsonMerge is shallow: the second object's fields win. Deep merging does not exist on AWS either.
func jsonMerge(args []any) (any, error) {
	a, ok1 := args[0].(map[string]any)
	b, ok2 := args[1].(map[string]any)
	if !ok1 || !ok2 {
		return nil, errors.New("the first two arguments must be objects")
	}
	if deep, ok := args[2].(bool); !ok || deep {
		return nil, errors.New("the third argument must be false: only shallow merging exists")
	}
	out := make(map[string]any, len(a)+len(b))
	for k, v := range a {
		out[k] = v
	}
	for k, v := range b {
		out[k] = v
	}
	return out, nil
}

// text is a function of one text of bounded length.
func text(f func(string) (any, error)) func([]any) (any, error) {
	return func(args []any) (any, error) {
		s, ok := args[0].(string)
		if !ok {
			return nil, errors.New("the argument is no text")
		}
		if utf8.RuneCountInString(s) > maxText {
			return nil, fmt.Errorf("the text is longer than %d characters", maxText)
		}
		return f(s)
	}
}

func base64Decode(s string) (any, error) {
	p, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, err
	}
	return strings.ToValidUTF8(string(p), "\uFFFD"), nil
}

func digest(args []any) (any, error) {
	algorithm, ok := args[1].(string)
	if !ok {
		return nil, errors.New("the second argument is no text")
	}
	var h hash.Hash
	switch algorithm {
	case "MD5":
		h = md5.New()
	case "SHA-1":
		h = sha1.New()
	case "SHA-256":
		h = sha256.New()
	case "SHA-384":
		h = sha512.New384()
	case "SHA-512":
		h = sha512.New()
	default:
		return nil, fmt.Errorf("there is no algorithm '%s': MD5, SHA-1, SHA-256, SHA-384 and SHA-512 are known", clip(algorithm))
	}
	data, ok := args[0].(string)
	if !ok {
		raw, err := value.Bounded(args[0])
		if err != nil {
			return nil, err
		}
		data = string(raw)
	}
	if utf8.RuneCountInString(data) > maxText {
		return nil, fmt.Errorf("the text is longer than %d characters", maxText)
	}
	h.Write([]byte(data))
	return hex.EncodeToString(h.Sum(nil)), nil
}

// mathRandom draws from [start, end]; a third argument seeds, so that the draw repeats.
func mathRandom(args []any) (any, error) {
	low, ok1 := value.Integer(args[0])
	high, ok2 := value.Integer(args[1])
	if !ok1 || !ok2 || high < low || high-low < 0 {
		return nil, errors.New("start and end must be whole numbers, start first")
	}
	draw := rand.Int64N
	if len(args) == 3 {
		seed, ok := value.Integer(args[2])
		if !ok {
			return nil, errors.New("the seed must be a whole number")
		}
		draw = rand.New(rand.NewPCG(uint64(seed), 0)).Int64N
	}
	if high-low == 1<<63-1 {
		return nil, errors.New("start and end lie too far apart")
	}
	return low + draw(high-low+1), nil
}

func mathAdd(args []any) (any, error) {
	a, ok1 := value.Integer(args[0])
	b, ok2 := value.Integer(args[1])
	if !ok1 || !ok2 {
		return nil, errors.New("both arguments must be whole numbers")
	}
	sum := a + b
	if (sum > a) != (b > 0) && b != 0 {
		return nil, errors.New("the sum has more than 64 bits")
	}
	return sum, nil
}

// stringSplit cuts at every character of the second argument; empty parts are left out, as AWS does.
func stringSplit(args []any) (any, error) {
	s, ok1 := args[0].(string)
	cut, ok2 := args[1].(string)
	if !ok1 || !ok2 {
		return nil, errors.New("both arguments must be texts")
	}
	out := []any{}
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(cut, r) }) {
		out = append(out, part)
	}
	return out, nil
}
