package xgboost

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/forest"
	"github.com/shardwise/shardwise/splitter/layout"
)

// changed loads the model of that name with old replaced by new.
func changed(t *testing.T, name, old, new string) (*source, error) {
	t.Helper()
	base := string(models(t)[name])
	if !strings.Contains(base, old) {
		t.Fatalf("%s has no %s", name, old)
	}
	return load([]byte(strings.Replace(base, old, new, 1)))
}

func noteOf(s *source, name string) string {
	i := slices.IndexFunc(s.ensemble.Notes, func(n forest.Note) bool { return n.Name == name })
	if i < 0 {
		return ""
	}
	return s.ensemble.Notes[i].Value
}

// Rounds behind the best one are a remark; without any both ways to predict are the same and nothing is said.
func TestEarlyStoppingIsRemarkedWhenItMatters(t *testing.T) {
	for best, want := range map[string]string{"1": "the file holds 4 rounds, best_iteration is 1", "0": "save model[:1]", "2": "stops after round 3", "3": "", "9": "", "-1": "", "x": ""} {
		s, err := changed(t, "1.7.6-logistic.json", `"best_iteration":"3"`, `"best_iteration":"`+best+`"`)
		if err != nil {
			t.Fatal(err)
		}
		remarks := strings.Join(s.ensemble.Remarks, "\n")
		if (want == "") != (remarks == "") || !strings.Contains(remarks, want) {
			t.Errorf("best_iteration %s of 4 rounds: remarks %q, wanted %q", best, remarks, want)
		}
		if noteOf(s, "best iteration") == "" {
			t.Errorf("best_iteration %s is not among the notes", best)
		}
	}
}

func TestTooManyOutputsAreRefused(t *testing.T) {
	for _, param := range []string{"num_class", "num_target"} {
		old := map[string]string{"num_class": `"num_class":"0"`, "num_target": `"num_target":"1"`}[param]
		_, err := changed(t, "3.2.0-one-hot.json", old, `"`+param+`":"1000000"`)
		var refusal *layout.RefusalError
		if !errors.As(err, &refusal) || !strings.Contains(err.Error(), "16384") || refusal.Remedy == "" {
			t.Errorf("%s of a million: error %v, wanted a refusal that names the bound", param, err)
		}
	}
}

// The base score is told where the first margin is another number.
func TestBaseScoreIsToldOnce(t *testing.T) {
	s, err := load(models(t)["3.2.0-logistic.json"])
	if err != nil {
		t.Fatal(err)
	}
	if noteOf(s, "base score") == "" {
		t.Error("a logistic model does not tell its base score")
	}
	if s, err = changed(t, "3.2.0-logistic.json", `"name":"binary:logistic"`, `"name":"reg:squarederror"`); err != nil {
		t.Fatal(err)
	}
	if text := noteOf(s, "base score"); text != "" {
		t.Errorf("a regression tells the base score %s beside the first margin, which is the same", text)
	}
}

func TestDictionariesOfCategoricalFeaturesAreCounted(t *testing.T) {
	m := newDocument()
	m.types, m.dictionaries = []string{"float", "c", "c", "int"}, []int{0, 1, 3}
	if n := m.dictionariesOfCategories(); n != 1 {
		t.Errorf("one of two categorical features has a dictionary, two others have one: counted %d, wanted 1", n)
	}
	if m.types = nil; m.dictionariesOfCategories() != 3 {
		t.Errorf("without types every dictionary counts: %d, wanted 3", m.dictionariesOfCategories())
	}
}
