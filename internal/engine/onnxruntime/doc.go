// Package onnxruntime is the optional engine: Microsoft's ONNX Runtime, loaded from its shared library. It covers what
// the native engine does not, at the price of a library of some 45 MB, cgo, and some 25 ms at the start of a process.
//
// The engine itself is built with the tag onnxruntime only; without it the package has nothing but the engine's name
// and what can be said of a graph without the library. Weights that lie in files stay there: the library maps them. They
// are read once through engine.Weights first, which checks their bytes. A program's outputs repeat bit for bit on the
// same processor and number of threads; that a row's bits do not depend on the rows beside it is not promised.
//
// Values cross the border to the library in the forms that its binding carries: no F16, no BF16 and no scalars. Such
// inputs and outputs are converted inside the program, exactly.
//
// The package knows nothing of shards. Package shard lists the engine, the splitter asks what it refuses.
package onnxruntime

import "strings"

// Name is what manifests call this engine.
const Name = "onnxruntime"

// LibraryError says that the shared library was not found or could not be loaded.
type LibraryError struct {
	Tried []string // paths, in order
	Cause error    // what loading the last of them ended with; nil when none exists
}

// Error names the paths and says what helps.
func (e *LibraryError) Error() string {
	s := "wanted the shared library of ONNX Runtime at " + strings.Join(e.Tried, " or ") + ", "
	if e.Cause != nil {
		s += "which could not be loaded: " + e.Cause.Error()
	} else {
		s += "found none"
	}
	return s + "; put libonnxruntime.so.1 of version 1.30 beside the program or into a layer's lib folder, or name it in SHARDWISE_ONNXRUNTIME"
}

// Unwrap is the cause.
func (e *LibraryError) Unwrap() error { return e.Cause }
