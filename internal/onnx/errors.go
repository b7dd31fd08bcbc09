package onnx

import "strconv"

// FormatError says that the bytes are not an ONNX file that can be read: at which byte offset of the file, in which
// field (ONNX's own path of names, for example graph.node.attribute), and why.
type FormatError struct {
	Offset int64
	Field  string
	Reason string
}

// Error names the field, the offset and the reason.
func (e *FormatError) Error() string {
	return "onnx: " + e.Field + " at byte " + strconv.FormatInt(e.Offset, 10) + ": " + e.Reason
}

// UnsupportedError says that the file is well formed but holds something that graph.Graph cannot express.
type UnsupportedError struct {
	Subject string // which tensor, node or attribute
	Reason  string
}

// Error names the subject and the reason.
func (e *UnsupportedError) Error() string { return "onnx: " + e.Subject + ": " + e.Reason }
