package xgboost

import (
	"fmt"
	"strings"
)

// FormatError says that a file is not a well-formed XGBoost model.
type FormatError struct {
	Field  string // path in the document, for example "learner.gradient_booster.model.trees[3].left_children"
	Offset int64  // byte at which reading stopped
	Reason string
	Err    error // underlying read error, or nil
}

// Error is one line: field, byte, reason, remedy.
func (e *FormatError) Error() string {
	field := e.Field
	if field == "" {
		field = "document"
	}
	s := fmt.Sprintf("xgboost model: %s: byte %d: %s", field, e.Offset, e.Reason)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s + "; save the model again with save_model"
}

// Unwrap gives the underlying read error.
func (e *FormatError) Unwrap() error { return e.Err }

// path is the position in the document, for messages.
type path []string

func (p path) String() string {
	var b strings.Builder
	for _, s := range p {
		if b.Len() > 0 && !strings.HasPrefix(s, "[") {
			b.WriteByte('.')
		}
		b.WriteString(s)
	}
	return b.String()
}
