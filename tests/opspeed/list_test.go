package opspeed

import (
	"slices"
	"testing"

	"github.com/shardwise/shardwise/internal/engine/native"
)

func entries() []entry {
	return slices.Concat(elementwise(), reductions(), indexing(), movements(), products(), windows(), layers(), classical())
}

// unmeasured are the operators without an entry, and why.
func unmeasured() map[string]string {
	const body, chance, list, words, own = "its time is that of its body", "the numbers are random", "it hands on lists of tensors or optional ones",
		"it treats strings", "it is Shardwise's own"
	return map[string]string{
		"If": body, "Loop": body, "Scan": body,
		"Bernoulli": chance, "Multinomial": chance, "RandomNormal": chance, "RandomNormalLike": chance, "RandomUniform": chance, "RandomUniformLike": chance,
		"ConcatFromSequence": list, "Optional": list, "OptionalGetElement": list, "OptionalHasElement": list, "SequenceAt": list, "SequenceConstruct": list,
		"SequenceEmpty": list, "SequenceErase": list, "SequenceInsert": list, "SequenceLength": list, "SplitToSequence": list,
		"ai.onnx.ml.CategoryMapper": words, "StringNormalizer": words, "StringConcat": words, "StringSplit": words, "RegexFullMatch": words,
		"Constant":                  "it runs when the graph is read",
		"com.microsoft.MatMulNBits": "it is no operator of ONNX",
		"shardwise.EmbeddingBag":    own, "shardwise.TreeEnsemble": own, "shardwise.TreeLeaf": own, "shardwise.TreeMargin": own, "shardwise.Experts": own, "shardwise.XGBoostObjective": own,
	}
}

// Every operator of the engine has an entry, or a reason to have none.
func TestEveryOperatorIsListed(t *testing.T) {
	listed, skipped := map[string]bool{}, unmeasured()
	for _, e := range entries() {
		listed[e.op] = true
	}
	for key := range native.Operators() {
		name := key.Op
		if key.Domain != "" {
			name = key.Domain + "." + name
		}
		if listed[name] == (skipped[name] != "") {
			t.Errorf("%s stands in both lists or in none", name)
		}
		delete(listed, name)
		delete(skipped, name)
	}
	for name := range listed {
		t.Errorf("%s is no operator of the engine", name)
	}
	for name := range skipped {
		t.Errorf("%s has a reason and is no operator of the engine", name)
	}
}

// Every entry runs on the native engine, and names are unique.
func TestEveryEntryRuns(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range entries() {
		if seen[e.name()] {
			t.Errorf("two entries are called %s", e.name())
		}
		seen[e.name()] = true
		g, in := e.graph()
		p, err := native.New().Compile(g, nil)
		if err == nil {
			_, err = p.Run(t.Context(), in, nil)
		}
		if err != nil {
			t.Errorf("%s: %v", e.name(), err)
		}
	}
}
