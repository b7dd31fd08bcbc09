package onnxruntime

import (
	_ "embed" // for the list of operators
	"fmt"
	"slices"
	"strings"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/graph"
)

// operators lists ONNX's operators, one a line: name and attributes. tests/backend/operators.py wrote it.
//
//go:embed operators.txt
var operators string

// contribDomain has ONNX Runtime's own operators. No list of them is published with their attributes.
const contribDomain = "com.microsoft"

// Refuses says why ONNX Runtime cannot run the node, as far as that is known without the library: ONNX has no such
// operator or no such attribute. It is nil otherwise, and for every node of ONNX Runtime's own domain; the library has
// the last word when a program is compiled. The error is an *engine.UnsupportedError.
func Refuses(n *graph.Node) error {
	refuse := func(format string, args ...any) error {
		return &engine.UnsupportedError{Node: n.Name, Domain: n.Domain, Op: n.Op, Reason: fmt.Sprintf(format, args...)}
	}
	if n.Domain == contribDomain {
		return nil
	}
	name := n.Op
	if n.Domain != "" {
		name = n.Domain + "." + name
	}
	for line := range strings.Lines(operators) {
		words := strings.Fields(line)
		if words[0] != name {
			continue
		}
		for attr := range n.Attrs {
			if !slices.Contains(words[1:], attr) {
				return refuse("ONNX knows no attribute %q of it", attr)
			}
		}
		return nil
	}
	return refuse("the engine %s has no such operator", Name)
}
