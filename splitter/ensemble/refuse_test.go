package ensemble_test

import (
	"encoding/json"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter"
	"github.com/shardwise/shardwise/splitter/ensemble"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/splitter/plan"
)

func TestDescriptionsAreCheckedInFull(t *testing.T) {
	const head, member = `{"format": "shardwise-ensemble/1", `, `{"model": "a.onnx"}`
	for want, text := range map[string]string{
		"line 1, column 2: the JSON": `[`,
		`members: wanted a list`:     head + `"members": "a.onnx"}`,
		`members[1].weight: wanted a number up to 1.8e308, found "heavy"`:                        head + `"members": [{"model": "a", "weight": 1}, {"model": "b", "weight": "heavy"}]}`,
		`members[0]: unknown field "modle", wanted one of columns, gives, model, output, weight`: head + `"members": [{"modle": "a"}]}`,
		"unknown field":                 head + `"combine": "mean", "members": [` + member + `], "weights": [1]}`,
		"something stands behind":       head + `"combine": "mean", "members": [` + member + `]} {}`,
		"format is \"x\"":               `{"format": "x", "combine": "mean", "members": [` + member + `]}`,
		"combine is \"median\"":         head + `"combine": "median", "members": [` + member + `]}`,
		"there are 0 members":           head + `"combine": "mean"}`,
		"members[0].model is \"\"":      head + `"combine": "mean", "members": [{}]}`,
		"members[1].model is \"../a\"":  head + `"combine": "mean", "members": [` + member + `, {"model": "../a"}]}`,
		"members[0].model is \"/a\"":    head + `"combine": "mean", "members": [{"model": "/a"}]}`,
		"members[0].model is \"b/./a\"": head + `"combine": "mean", "members": [{"model": "b/./a"}]}`,
		"members[0].weight is 2":        head + `"combine": "mean", "members": [{"model": "a", "weight": 2}]}`,
		"members[0].weight is -1":       head + `"combine": "weighted_mean", "members": [{"model": "a", "weight": -1}]}`,
		"members[0].weight is 0":        head + `"combine": "vote", "members": [{"model": "a", "weight": 0}]}`,
		"members[0].weight is 1e+308":   head + `"combine": "weighted_mean", "members": [{"model": "a", "weight": 1e308}, {"model": "b", "weight": 1e308}]}`,
		"members[1].weight is 1e-320":   head + `"combine": "vote", "members": [{"model": "a"}, {"model": "b", "weight": 1e-320}]}`,
		"members[0].gives is \"score\"": head + `"combine": "vote", "members": [{"model": "a", "gives": "score"}]}`,
		"members[0].gives is \"label\"": head + `"combine": "mean", "members": [{"model": "a", "gives": "label"}]}`,
		"members[0].columns is empty":   head + `"combine": "mean", "members": [{"model": "a", "columns": []}]}`,
		"members[0].columns has -1":     head + `"combine": "mean", "members": [{"model": "a", "columns": [-1]}]}`,
		"final is absent":               head + `"combine": "stack", "members": [` + member + `]}`,
		"final.model is \"..\"":         head + `"combine": "stack", "members": [` + member + `], "final": {"model": ".."}}`,
		"final or passthrough":          head + `"combine": "mean", "members": [` + member + `], "passthrough": true}`,
		"labels has 1 classes":          head + `"combine": "vote", "members": [` + member + `], "labels": [1]}`,
		"labels has 2 classes":          head + `"combine": "mean", "members": [` + member + `], "labels": [1, 2]}`,
		"labels has a class twice":      head + `"combine": "vote", "members": [` + member + `], "labels": [1, 2, 1]}`,
	} {
		if _, err := ensemble.Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", want, err)
		}
	}
	_, err := ensemble.Parse([]byte(`{"format": "x", "combine": "y", "members": [{}]}`))
	if err == nil || strings.Count(err.Error(), "wanted") != 3 {
		t.Errorf("not all faults are told: %v", err)
	}
}

// opened is what opening an ensemble of these layers says.
func opened(t *testing.T, d ensemble.Description, layers ...layer) error {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	dir := t.TempDir()
	d.Format = ensemble.Format
	if d.Members == nil {
		d.Members = members(len(layers))
	}
	for i, l := range layers {
		if l.opset == 0 {
			l.opset = 17
		}
		name := "final.onnx"
		if i < len(d.Members) {
			name = d.Members[i].Model
		}
		save(t, filepath.Join(dir, name), l.graph(rng))
	}
	m, err := splitter.Open(describe(t, dir, d))
	if err == nil {
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return err
}

func TestMembersThatDoNotFitAreNamed(t *testing.T) {
	fine := layer{input: "x", output: "y", in: 4, out: 3}
	with := func(change func(l *layer)) layer { l := fine; change(&l); return l }
	stack := ensemble.Description{Combine: ensemble.Stack, Final: &ensemble.Final{Model: "final.onnx"}, Members: members(2)}
	entry := func(combine string, m ensemble.Member) ensemble.Description {
		m.Model = "m1.onnx"
		return ensemble.Description{Combine: combine, Members: []ensemble.Member{{Model: "m0.onnx"}, m}}
	}
	mean := ensemble.Description{Combine: ensemble.Mean}
	for name, c := range map[string]struct {
		d             ensemble.Description
		layers        []layer
		member        int
		what          string
		wanted, found string
	}{
		"another width":  {mean, []layer{fine, with(func(l *layer) { l.in = 5 })}, 1, "the shape of input x", "[batch, 4]", "[batch, 5]"},
		"another dtype":  {mean, []layer{fine, fine, with(func(l *layer) { l.dtype = tensor.F64 })}, 2, "the dtype of input x", "F32", "F64"},
		"fixed rows":     {mean, []layer{fine, with(func(l *layer) { l.fixed = 1 })}, 1, "its rows", "stand for themselves", "do not, or none"},
		"other classes":  {mean, []layer{fine, with(func(l *layer) { l.out = 2 })}, 1, "the shape of its output", "[batch, 3]", "[batch, 2]"},
		"other votes":    {ensemble.Description{Combine: ensemble.Vote}, []layer{fine, with(func(l *layer) { l.out = 2 })}, 1, "the classes of its probabilities", "3, as of member 0", "2"},
		"other labels":   {ensemble.Description{Combine: ensemble.Vote, Labels: []int64{5, 6}}, []layer{fine}, 0, "the classes of its probabilities", "2, as of the labels", "3"},
		"a column":       {entry(ensemble.Mean, ensemble.Member{Columns: []int{3}}), []layer{fine, fine}, 1, "the columns of its output", "[3] at most", "[3]"},
		"an output":      {entry(ensemble.Mean, ensemble.Member{Output: "z"}), []layer{fine, fine}, 1, "its output", `"z"`, "y"},
		"columns labels": {entry(ensemble.Vote, ensemble.Member{Gives: ensemble.GivesLabel}), []layer{fine, fine}, 1, "the shape of its labels", "one a row", "[batch, 3]"},
		"second model":   {stack, []layer{fine, fine, with(func(l *layer) { l.in = 7 })}, -1, "the columns of its input x", "6, as many as the members give", "7"},
		"its own input":  {mean, []layer{with(func(l *layer) { l.input = "prediction" }), fine}, 0, "the name of its input", "not prediction", "prediction"},
		"a prefix":       {mean, []layer{with(func(l *layer) { l.input = "member-1/x" }), fine}, 0, "the name of its input", "none of ensemble/, member-0/", "member-1/x"},
		"its output":     {stack, []layer{fine, fine, with(func(l *layer) { l.in, l.output, l.input = 6, "x", "s" })}, -1, "the name of its output", "one that no input has", "x"},
	} {
		err := opened(t, c.d, c.layers...)
		e, ok := errors.AsType[*ensemble.MemberError](err)
		if !ok || e.Member != c.member || !strings.Contains(e.What, c.what) || !strings.Contains(e.Want, c.wanted) || !strings.Contains(e.Found, c.found) {
			t.Errorf("%s: %v, wanted member %d, %s: %s, %s", name, err, c.member, c.what, c.wanted, c.found)
		}
		if ok && e.Member >= 0 && e.Of != max(len(c.d.Members), len(c.layers)) && c.d.Members == nil {
			t.Errorf("%s: of %d", name, e.Of)
		}
	}
	if err := opened(t, mean, fine, with(func(l *layer) { l.input = "other" })); err != nil {
		t.Errorf("a single input of another name: %v", err)
	}
}

func TestMembersMustBeModelsOfTheirOwn(t *testing.T) {
	dir := t.TempDir()
	self := describe(t, dir, ensemble.Description{Format: ensemble.Format, Combine: ensemble.Mean, Members: []ensemble.Member{{Model: "ensemble.json"}}})
	absent := describe(t, t.TempDir(), ensemble.Description{Format: ensemble.Format, Combine: ensemble.Mean, Members: members(1)})
	for path, want := range map[string]string{self: "is an ensemble", absent: "member 0 of 1 (m0.onnx)"} {
		if _, err := splitter.Open(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, wanted %q", err, want)
		}
	}
	if _, err := splitter.Open(absent); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an absent member is %v", err)
	}
}

// Links that lead out of the description's folder are refused, as those of external data are; links inside it are files like others.
func TestMembersStayInTheDescriptionsFolder(t *testing.T) {
	base := t.TempDir()
	dir, outside := filepath.Join(base, "models"), filepath.Join(base, "outside")
	fine := layer{input: "x", output: "y", in: 4, out: 3, opset: 17}
	for _, d := range []string{filepath.Join(dir, "sub"), outside} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	save(t, filepath.Join(dir, "sub", "m.onnx"), fine.graph(rand.New(rand.NewPCG(1, 2))))
	save(t, filepath.Join(outside, "m.onnx"), fine.graph(rand.New(rand.NewPCG(1, 2))))
	for link, to := range map[string]string{
		"inside.onnx": "sub/m.onnx", "sub/back.onnx": "../sub/m.onnx", "out.onnx": "../outside/m.onnx", "absolute.onnx": filepath.Join(outside, "m.onnx"),
		"folder": "../outside", "chain.onnx": "out.onnx",
	} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for name, ok := range map[string]bool{
		"sub/m.onnx": true, "inside.onnx": true, "sub/back.onnx": true, "out.onnx": false, "absolute.onnx": false, "folder/m.onnx": false, "chain.onnx": false,
	} {
		mean := ensemble.Description{Format: ensemble.Format, Combine: ensemble.Mean, Members: []ensemble.Member{{Model: "sub/m.onnx"}, {Model: name}}}
		m, err := splitter.Open(describe(t, dir, mean))
		if ok {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			} else if err := m.Close(); err != nil {
				t.Error(err)
			}
			continue
		}
		e, typed := errors.AsType[*ensemble.MemberError](err)
		if !typed || e.Member != 1 || e.What != "its path" || !strings.Contains(e.Found, outside) {
			t.Errorf("%s: %v, wanted a refusal of member 1 that says where it leads", name, err)
		}
	}
	stack := ensemble.Description{Format: ensemble.Format, Combine: ensemble.Stack, Members: []ensemble.Member{{Model: "sub/m.onnx"}}, Final: &ensemble.Final{Model: "out.onnx"}}
	if _, err := splitter.Open(describe(t, dir, stack)); err == nil || !strings.Contains(err.Error(), "the second model (out.onnx): its path") {
		t.Errorf("a second model outside: %v", err)
	}
}

// Features that have names must have the same ones: a model of trees that was trained on numbers alone takes any.
func TestFeaturesOfAllMembersAgree(t *testing.T) {
	examples := filepath.Join("..", "..", "examples")
	dir := t.TempDir()
	copyFile(t, filepath.Join(examples, "vote-xgboost", "model.json"), filepath.Join(dir, "vote.json"))
	copyFile(t, filepath.Join(examples, "diabetes-xgboost", "model.ubj"), filepath.Join(dir, "diabetes.ubj"))
	copyFile(t, filepath.Join(examples, "breast-cancer-xgboost", "model.json"), filepath.Join(dir, "cancer.json"))
	_, err := splitter.Open(describe(t, dir, ensemble.Description{Format: ensemble.Format, Combine: ensemble.Mean, Members: []ensemble.Member{{Model: "vote.json"}, {Model: "diabetes.ubj"}}}))
	if e, ok := errors.AsType[*ensemble.MemberError](err); !ok || e.Member != 1 || !strings.Contains(e.What, "the shape of input features") {
		t.Errorf("16 and 10 features: %v", err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "cancer.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "renamed.json"), []byte(strings.Replace(string(data), `"mean radius"`, `"mean reach"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = splitter.Open(describe(t, dir, ensemble.Description{Format: ensemble.Format, Combine: ensemble.Mean, Members: []ensemble.Member{{Model: "cancer.json"}, {Model: "renamed.json"}}}))
	if e, ok := errors.AsType[*ensemble.MemberError](err); !ok || e.What != "feature 0 of input features" || e.Want != `"mean radius"` || e.Found != `"mean reach"` {
		t.Errorf("a renamed feature: %v", err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAnEnsembleHasOnePlan(t *testing.T) {
	r := references(t)["ensemble-stack"]
	path := filepath.Join(r.dir, "ensemble.json")
	for want, o := range map[string]layout.Options{
		"has 3 members":            {Shards: 2},
		"has one plan":             {Shards: 3, Plan: "rows"},
		"one plan":                 {Latency: 1},
		"member 0 of 3 (member0.o": {MemoryMB: 40},
	} {
		if _, err := splitter.Split(t.Context(), path, filepath.Join(t.TempDir(), "parts"), o, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, wanted %q", o, err, want)
		}
	}
	s, err := splitter.Plan(t.Context(), path, plan.Options{Symbols: map[string]int{"batch": 50}}, plan.Wish{})
	if err != nil {
		t.Fatal(err)
	}
	if e := s.Chosen.Estimate; s.Chosen.Kind != ensemble.Kind || len(e.Rounds) != 1 || e.Rounds[0].Shards != 3 || e.Rounds[0].RequestBytes != 3*50*6*4 || e.Rounds[0].ReplyBytes != 3*50*4 {
		t.Errorf("the plan is %s, %+v", s.Chosen.Kind, s.Chosen.Estimate)
	}
	for want, w := range map[string]plan.Wish{"only plan has 3": {Shards: []int{2}}, "needs": {MemoryMB: []int{40}}, "a latency of": {Latency: 1}} {
		if _, err := splitter.Plan(t.Context(), path, plan.Options{}, w); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, wanted %q", w, err, want)
		}
	}
}

// What is no label of a vote is an error, not a lost voice.
func TestAVoteForNoLabelIsAnError(t *testing.T) {
	r := references(t)["ensemble-labels"]
	dir := t.TempDir()
	for _, f := range []string{"member0.onnx", "member1.onnx"} {
		copyFile(t, filepath.Join(r.dir, f), filepath.Join(dir, f))
	}
	s := serve(t, describe(t, dir, ensemble.Description{Format: ensemble.Format, Combine: ensemble.Vote, Labels: []int64{-1, 7, 41},
		Members: []ensemble.Member{{Model: "member0.onnx"}, {Model: "member1.onnx"}}}), 2)
	_, err := s.c.Run(t.Context(), request(r.arrays(t, r.Inputs)))
	if err == nil || !strings.Contains(err.Error(), "local") {
		t.Errorf("a class 40 that no label has gives %v", err)
	}
}

// Members of one version of the operators have a graph in common, which verify computes; of several they have none.
func TestTheUnshardedGraphIsThereWhereVersionsAgree(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, opset := range []int64{17, 13} {
		dir := t.TempDir()
		for i, v := range []int64{17, opset} {
			save(t, filepath.Join(dir, members(2)[i].Model), layer{input: "x", output: "y", in: 3, out: 2, opset: v}.graph(rng))
		}
		s := serve(t, describe(t, dir, ensemble.Description{Format: ensemble.Format, Combine: ensemble.Mean, Members: members(2)}), 2)
		roles := map[string]bool{}
		for _, f := range s.Local.Files {
			roles[f.Role] = true
		}
		if roles["reference"] != (opset == 17) {
			t.Errorf("versions 17 and %d: the coordinator's files are %v", opset, slices.Collect(maps.Keys(roles)))
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"format": "shardwise-ensemble/1", "combine": "vote", "members": [{"model": "a/b.json", "weight": 1e300, "columns": [0, 9], "gives": "label", "output": "y"}], "labels": [1, -1]}`))
	f.Add([]byte(`{"format": "shardwise-ensemble/1", "combine": "stack", "members": [{"model": "a"}], "final": {"model": "b"}, "passthrough": true}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := ensemble.Parse(data)
		if err != nil {
			return
		}
		for _, m := range d.Members {
			if !filepath.IsLocal(m.Model) {
				t.Errorf("member %q lies elsewhere", m.Model)
			}
		}
		written, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ensemble.Parse(written); err != nil || !reflect.DeepEqual(again, d) {
			t.Errorf("%s: read as %+v, written and read again %+v, error %v", data, d, again, err)
		}
	})
}
