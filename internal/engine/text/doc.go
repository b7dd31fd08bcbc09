// Package text is the family of operators that read words: StringNormalizer, StringConcat, StringSplit and RegexFullMatch, and
// TfIdfVectorizer, which counts sequences of words or numbers.
//
// Where the standard leaves a case open the kernels do what ONNX Runtime does; their comments say so. The package is called
// by internal/engine/native alone.
package text

import (
	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Table is the family's operators.
func Table() engine.Table {
	words := []engine.Types{engine.TypesOf(tensor.String)}
	items := []engine.Types{engine.TypesOf(tensor.I32, tensor.I64, tensor.String)}
	return engine.Strict(engine.Table{
		{Op: "StringNormalizer"}: {{Since: 10, Build: normalizer, In: words}},
		{Op: "StringConcat"}:     {{Since: 20, Build: concat, In: words}},
		{Op: "StringSplit"}:      {{Since: 20, Build: split, In: words}},
		{Op: "RegexFullMatch"}:   {{Since: 20, Build: fullMatch, In: words}},
		{Op: "TfIdfVectorizer"}:  {{Since: 9, Build: vectorizer, In: items}},
	})
}

// wordsOf are the elements of a String tensor.
func wordsOf(t *tensor.Tensor) []string {
	out := make([]string, t.Len())
	for i := range out {
		out[i] = t.StringAt(i)
	}
	return out
}
