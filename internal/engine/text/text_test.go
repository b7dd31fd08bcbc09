package text

import (
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/engine/optest"
	"github.com/shardwise/shardwise/internal/tensor"
)

func TestWordsByHand(t *testing.T) {
	attrs, words := optest.Attrs, optest.Words
	row := func(w ...string) *tensor.Tensor { return words(w, len(w)) }
	normalize := func(a map[string]any, x, want *tensor.Tensor) optest.Wanted {
		return optest.Wanted{Case: optest.Case{Op: "StringNormalizer", Opset: 10, Attrs: a, In: []*tensor.Tensor{x}}, Want: want}
	}
	split := func(a map[string]any, x, want *tensor.Tensor) optest.Wanted {
		return optest.Wanted{Case: optest.Case{Op: "StringSplit", Opset: 20, Attrs: a, In: []*tensor.Tensor{x}, Outputs: 2}, Want: want}
	}
	days := row("Monday", "tuesday", "")
	optest.Check(t, Table(), []optest.Wanted{
		normalize(attrs("stopwords", []string{"monday"}), days, row("tuesday", "")),
		normalize(attrs("stopwords", []string{"monday"}, "is_case_sensitive", 1, "case_change_action", "UPPER"), days, row("MONDAY", "TUESDAY", "")),
		normalize(attrs("case_change_action", "LOWER"), words([]string{"ÄB"}, 1, 1), words([]string{"äb"}, 1, 1)),
		normalize(attrs("stopwords", []string{"a"}), words([]string{"A", "a"}, 1, 2), words([]string{""}, 1, 1)),
		normalize(attrs("case_change_action", "TITLE"), days, nil),
		normalize(nil, words([]string{"a", "b"}, 2, 1), nil),
		split(nil, row(" a  b c ", ""), words([]string{"a", "b", "c", "", "", ""}, 2, 3)),
		split(attrs("maxsplit", 1), row(" a  b c "), words([]string{"a", "b c "}, 1, 2)),
		split(attrs("delimiter", "--", "maxsplit", 1), row("a--b--c"), words([]string{"a", "b--c"}, 1, 2)),
		{Case: optest.Case{Op: "StringConcat", Opset: 20, In: []*tensor.Tensor{words([]string{"a", "b"}, 2, 1), row("x", "y")}}, Want: words([]string{"ax", "ay", "bx", "by"}, 2, 2)},
		{Case: optest.Case{Op: "RegexFullMatch", Opset: 20, Attrs: attrs("pattern", "a|bc"), In: []*tensor.Tensor{row("bc", "abc", "a\n")}}, Want: optest.Of(tensor.Bool, []bool{true, false, false}, 3)},
		{Case: optest.Case{Op: "RegexFullMatch", Opset: 20, Attrs: attrs("pattern", "("), In: []*tensor.Tensor{days}}},
	})
}

func TestSplitCountsTheParts(t *testing.T) {
	out, err := optest.Run(t, Table(), optest.Case{Op: "StringSplit", Opset: 20, In: []*tensor.Tensor{optest.Words([]string{"", "a", "a b"}, 3)}, Outputs: 2})
	if err != nil {
		t.Fatal(err)
	}
	optest.Same(t, "counts", out[1], optest.I64([]int64{0, 1, 2}, 3), 0)
}

// pool is of the numbers 1, 2, 7 and the pairs 1 2, 2 2, 7 1.
func pool(more ...any) map[string]any {
	a := optest.Attrs("min_gram_length", 1, "max_gram_length", 2, "max_skip_count", 0, "mode", "TF", "ngram_counts", []int64{0, 3},
		"ngram_indexes", []int64{0, 1, 2, 5, 4, 3}, "pool_int64s", []int64{1, 2, 7, 1, 2, 2, 2, 7, 1})
	for k, v := range optest.Attrs(more...) {
		a[k] = v
	}
	return a
}

func TestSequencesAreCounted(t *testing.T) {
	x := optest.I64([]int64{1, 2, 2, 7, 1}, 5)
	count := func(a map[string]any, x, want *tensor.Tensor) optest.Wanted {
		return optest.Wanted{Case: optest.Case{Op: "TfIdfVectorizer", Opset: 9, Attrs: a, In: []*tensor.Tensor{x}}, Want: want}
	}
	f := optest.F32
	optest.Check(t, Table(), []optest.Wanted{
		count(pool(), x, f([]float32{2, 2, 1, 1, 1, 1}, 6)),
		count(pool("min_gram_length", 2), x, f([]float32{0, 0, 0, 1, 1, 1}, 6)),
		// Skipping one item gives the pairs 1 2, 2 7 and 2 1, skipping two 1 7 and 2 1; single items count once.
		count(pool("max_skip_count", 2), x, f([]float32{2, 2, 1, 1, 1, 2}, 6)),
		count(pool("max_skip_count", 9, "max_gram_length", 1), x, f([]float32{2, 2, 1, 0, 0, 0}, 6)),
		count(pool(), optest.Of(tensor.I32, []int32{1, 2, 2, 2}, 2, 2), f([]float32{1, 1, 0, 0, 0, 1, 0, 2, 0, 0, 1, 0}, 2, 6)),
		count(pool("mode", "IDF", "weights", []float64{9, 8, 7, 6, 5, 4}), x, f([]float32{9, 8, 7, 6, 5, 4}, 6)), // by column, as in ONNX Runtime
		count(pool("mode", "TFIDF", "weights", []float64{9, 8, 7, 6, 5, 4}), x, f([]float32{18, 16, 7, 6, 5, 4}, 6)),
		count(pool("mode", "IDF"), optest.I64([]int64{7, 7}, 2), f([]float32{0, 0, 1, 0, 0, 0}, 6)),
		// Three sequences in one column: its weight, and the sum in F32.
		count(pool("mode", "IDF", "ngram_indexes", []int64{0, 0, 0, 1, 2, 3}, "weights", []float64{0.1, 0.3, 0.5, 6, 5, 4}), x, f([]float32{0.1, 0.3, 0.5, 6}, 4)),
		count(pool("mode", "TFIDF", "max_gram_length", 1, "ngram_indexes", []int64{0, 0, 0, 1, 2, 3}, "weights", []float64{0.1, 0.3, 0.5, 6, 5, 4}),
			optest.I64([]int64{1, 2, 1, 2, 1, 2, 1, 2, 1, 2}, 10), f([]float32{1.0000001, 0, 0, 0}, 4)),
		count(pool(), optest.I64(nil, 0), f(make([]float32, 6), 6)),
		count(pool(), optest.I64(nil, 2, 0), f(make([]float32, 12), 2, 6)),
		count(pool(), optest.Words([]string{"1"}, 1), nil),
	})
	words := optest.Attrs("min_gram_length", 2, "max_gram_length", 2, "max_skip_count", 0, "mode", "TF", "ngram_counts", []int64{0, 0},
		"ngram_indexes", []int64{0, 1}, "pool_strings", []string{"a", "b", "b", "c"})
	got := optest.One(t, Table(), optest.Case{Op: "TfIdfVectorizer", Opset: 9, Attrs: words, In: []*tensor.Tensor{optest.Words([]string{"a", "b", "c", "a", "b"}, 5)}})
	optest.Same(t, "words", got, f([]float32{2, 1}, 2), 0)
}

func TestWrongPoolsAreRefused(t *testing.T) {
	for _, c := range []struct {
		a      map[string]any
		reason string
	}{
		{pool("mode", "BM25"), "BM25"},
		{pool("min_gram_length", 3), "min_gram_length 3"},
		{pool("ngram_counts", []int64{0, 2}), "do not cut"},
		{pool("ngram_indexes", []int64{0, 1, 2, 3, 4}), "more sequences"},
		{pool("ngram_indexes", []int64{0, 1, 2, 3, 4, 5, 6}), "6 sequences"},
		{pool("pool_int64s", []int64{1, 2, 2, 1, 2, 2, 2, 7, 1}), "twice"},
		{pool("weights", []float64{1}), "1 weights"},
		{pool("weights", []float64{1, 2, 3, 4, 5, 6}, "ngram_indexes", []int64{0, 1, 2, 3, 4, 6}), "7 columns"},
		{pool("pool_strings", []string{"a"}), "either"},
	} {
		_, err := optest.Run(t, Table(), optest.Case{Op: "TfIdfVectorizer", Opset: 9, Attrs: c.a, In: []*tensor.Tensor{optest.I64([]int64{1}, 1)}})
		if err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("wanted an error with %q, found %v", c.reason, err)
		}
	}
}
