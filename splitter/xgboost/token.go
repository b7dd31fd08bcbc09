package xgboost

// kind is what a token is.
type kind uint8

const (
	invalid kind = iota
	objectStart
	objectEnd
	arrayStart
	arrayEnd
	keyToken
	stringToken
	intToken
	floatToken
	boolToken
	nullToken
)

func (k kind) String() string {
	return [...]string{"nothing", "an object", "the end of an object", "an array", "the end of an array", "a key", "a string",
		"an integer", "a number", "a boolean", "null"}[k]
}

// token is one piece of a document. Text holds a key or string and is valid until the next call. A number written in
// JSON is an intToken when it has neither fraction nor exponent and fits 64 bits.
type token struct {
	kind  kind
	text  []byte
	int   int64
	float float32
	bool  bool
}

// stream is a document as tokens: JSON or UBJSON.
type stream interface {
	// next reads a token into t. Its errors are *FormatError without Field.
	next(t *token) error
	// skip reads the rest of a value whose first token is t, without decoding it.
	skip(t *token) error
	// offset is the byte at which reading stands.
	offset() int64
}

// Limits on what a document may ask for.
const (
	maxDepth = 64       // levels of nesting; XGBoost writes 8
	maxText  = 16 << 20 // bytes of a string that is kept
)
