package backend

import (
	"slices"
	"strings"
)

// outside says why a case is not one of inference on float, integer and bool tensors, or "". Such cases are run like all
// others, and must not give wrong values; they are only not counted in the share that has to pass.
func (h *header) outside() string {
	if h.training {
		return "training"
	}
	for _, op := range h.ops {
		switch {
		case strings.HasPrefix(op, "ai.onnx.preview.training."), op == "SoftmaxCrossEntropyLoss", op == "NegativeLogLikelihoodLoss":
			return "training"
		case slices.Contains([]string{"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}, op):
			return "random numbers"
		case strings.HasPrefix(op, "Sequence"), op == "SplitToSequence", op == "ConcatFromSequence", strings.HasPrefix(op, "Optional"):
			return "sequences, optionals, maps"
		case op == "StringNormalizer", op == "TfIdfVectorizer", op == "RegexFullMatch", op == "StringConcat", op == "StringSplit":
			return "strings"
		}
	}
	for _, k := range append(slices.Clone(h.inputs), h.outputs...) {
		switch {
		case k.form == "sparse tensor":
			return "sparse tensors"
		case k.form != "tensor":
			return "sequences, optionals, maps"
		case k.elem == 8:
			return "strings"
		case k.elem == 14 || k.elem == 15:
			return "complex numbers"
		case k.elem > 16:
			return "numbers of 8 bits and fewer"
		}
	}
	return ""
}

// subject is the operator that a case is about: that of its only node. Cases of several nodes have none.
func (h *header) subject() string {
	if len(h.ops) == 1 {
		return h.ops[0]
	}
	return ""
}
