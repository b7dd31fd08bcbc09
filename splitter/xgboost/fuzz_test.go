package xgboost

import (
	"errors"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/forest"
	"github.com/shardwise/shardwise/splitter/layout"
)

// tryModel opens whatever the bytes are: a model must decode completely into sound trees, anything else must be a typed error.
func tryModel(t *testing.T, data []byte) {
	s, err := load(data)
	if err != nil {
		var format *FormatError
		var refusal *layout.RefusalError
		if !errors.As(err, &format) && !errors.As(err, &refusal) {
			t.Fatalf("error %v is not a typed one", err)
		}
		return
	}
	plan, err := forest.NewPlan(s.ensemble.Trees, func(f int) int { return f })
	if err != nil {
		t.Fatal(err)
	}
	packer := plan.NewPacker()
	var tree forest.Tree
	var p forest.Packed
	for i := range s.ensemble.Trees {
		if err := s.Tree(i, &tree); err != nil {
			t.Fatalf("tree %d was indexed but cannot be read: %v", i, err)
		}
		if err := packer.Pack(&tree, &p); err != nil {
			t.Fatalf("tree %d cannot be packed: %v", i, err)
		}
	}
	_, err = forest.OpenPacked(forest.Tables{Nodes: p.Nodes, Wide: plan.Wide, Slots: plan.Slots, Starts: plan.Starts, First: plan.First,
		Columns: plan.Columns, Values: p.Values, Categories: p.Categories, Outputs: s.ensemble.Outputs})
	if err != nil {
		t.Fatalf("what was packed cannot be opened: %v", err)
	}
}

func FuzzJSON(f *testing.F) {
	for name, data := range models(f) {
		if strings.HasSuffix(name, ".json") {
			f.Add(data)
		}
	}
	for _, s := range []string{"{", "{}", `{"learner":{}}`, `{"learner":null}`, `{"a":[1,-,2]}`, `{"a":"\u0000\ud83d\ude00"}`, `{"a":1e400}`,
		`{"learner":{"gradient_booster":{"model":{"trees":[{"tree_param":{"size_leaf_vector":"9223372036854775807","num_nodes":"1"}}]}}}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(tryModel)
}

func FuzzUBJSON(f *testing.F) {
	for name, data := range models(f) {
		if strings.HasSuffix(name, ".ubj") {
			f.Add(data)
		}
	}
	const huge = "L\x7f\xff\xff\xff\xff\xff\xff\xff"
	for _, s := range []string{"{L", "{" + huge, "{i\x01a[$l#" + huge, "{i\x01a[#" + huge, "{i\x01aS" + huge, "{i\x01a[$d#i\xff", "{i\x01a[$H#i\x01", "{i\x01a[$d]", "{i\x01aHi\x01a}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(tryModel)
}
