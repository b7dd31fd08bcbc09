package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/manifest"
)

func TestPlanOfExamplesIsGolden(t *testing.T) {
	for name, args := range map[string][]string{
		"plan-digits-mlp.txt":   {examplePath("digits-mlp", "model.onnx"), "--rows", "64"},
		"plan-dlrm-dcnv2.txt":   {examplePath("", "dlrm-dcnv2.json"), "--memory", "10240", "--rows", "270"},
		"plan-dlrm-by-rows.txt": {examplePath("", "dlrm-dcnv2.json"), "--memory", "10240", "--kind", "tables-rows"},
	} {
		t.Run(name, func(t *testing.T) {
			r := runCommand(t, append([]string{"plan"}, args...)...).want(t, StatusOK)
			golden(t, name, r.stdout)
			if page, err := os.ReadFile("../../docs/plans.md"); err != nil || name != "plan-dlrm-dcnv2.txt" && !strings.Contains(string(page), r.stdout) {
				t.Errorf("docs/plans.md shows another output (%v)", err)
			}
		})
	}
}

func TestPlanTellsItsFactsAndDraws(t *testing.T) {
	dir := t.TempDir()
	svg, plot := filepath.Join(dir, "plan.svg"), filepath.Join(dir, "frontier.png")
	r := runCommand(t, "plan", examplePath("digits-mlp", "model.onnx"), "--shards", "2-4", "--memory", "512,1769", "--svg", svg, "--frontier", plot, "--json").want(t, StatusOK)
	var f planFacts
	if err := json.Unmarshal([]byte(r.stdout), &f); err != nil {
		t.Fatalf("not one JSON document: %v", err)
	}
	if c := f.Chosen; c == nil || c.Shards < 2 || c.Shards > 4 || c.Size.ShardMB != 512 && c.Size.ShardMB != 1769 || c.Estimate.WarmMS <= 0 || len(c.Stages) == 0 || len(f.Alternatives) == 0 {
		t.Errorf("facts are missing: %+v", f)
	}
	for path, begin := range map[string]string{svg: "<svg", plot: "\x89PNG"} {
		if data, err := os.ReadFile(path); err != nil || !strings.HasPrefix(string(data), begin) {
			t.Errorf("%s: %v, beginning %.20q", path, err, data)
		}
	}
}

func TestTheHeadlineCountsTheRowsThatWereGiven(t *testing.T) {
	for want, args := range map[string][]string{"; 32 rows in a request": {"--dim", "batch=32"}, "; 16 rows in a request": {"--rows", "16"}, "; 1 row in a request": nil} {
		r := runCommand(t, append([]string{"plan", examplePath("digits-mlp", "model.onnx")}, args...)...).want(t, StatusOK)
		if head, _, _ := strings.Cut(r.stdout, "\n"); !strings.HasSuffix(head, want) {
			t.Errorf("%v: headline %q, wanted %q", args, head, want)
		}
	}
}

func TestImpossiblePlansSayWhatWouldHelp(t *testing.T) {
	mlp := examplePath("digits-mlp", "model.onnx")
	bad := filepath.Join(t.TempDir(), "costs.json")
	if err := os.WriteFile(bad, []byte(`{"round_trip": 1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"--shards: \"4-2\"":            {mlp, "--shards", "4-2"},
		"--memory: \"64\"":             {mlp, "--memory", "64"},
		"--kind \"fast\"":              {mlp, "--kind", "fast"},
		"round 0 around node":          {mlp, "--latency-target", "1ms"},
		"the cheapest plan costs more": {mlp, "--max-cost", "0.01"},
		"a time above 0":               {mlp, "--latency-target", "-1s"},
		"--rows 9223372036854775807":   {mlp, "--rows", "9223372036854775807"},
		"--dim batch=9223372036854775": {mlp, "--dim", "batch=9223372036854775807"},
		"an amount above 0":            {mlp, "--max-cost", "0"},
		"--max-cost +Inf: an amount":   {mlp, "--max-cost", "Inf"},
		"--max-cost NaN: an amount":    {mlp, "--max-cost", "NaN"},
		"unknown field":                {mlp, "--cost-model", bad},
		"ends with .svg or .png":       {mlp, "--frontier", "a.pdf"},
		"ranges of trees":              {examplePath("vote-xgboost", "model.json")},
		"the largest useful number":    {mlp, "--shards", "5000"},
		"no input of the model has":    {mlp, "--dim", "nope=3"},
		"less than half":               {mlp, "--kind", "tables"},
	} {
		r := runCommand(t, append([]string{"plan"}, args...)...).want(t, StatusInput)
		if !strings.Contains(r.stderr, want) {
			t.Errorf("%q: found %s", want, r.stderr)
		}
	}
}

func TestSplitTakesTheObjectivesOfPlan(t *testing.T) {
	out := filepath.Join(t.TempDir(), "parts")
	runCommand(t, "split", examplePath("digits-mlp", "model.onnx"), "-o", out, "--latency-target", "60ms", "--rows", "64", "--memory", "1769").want(t, StatusOK)
	m, _, err := manifest.Read(filepath.Join(out, manifest.FileName))
	if err != nil {
		t.Fatal(err)
	}
	d, err := manifest.ReadDeployment(filepath.Join(out, manifest.DeploymentFileName), m)
	if err != nil {
		t.Fatal(err)
	}
	if d.Shards[0].MemoryMB != 1769 || d.Coordinator.MemoryMB < 512 {
		t.Errorf("functions of %d MB and a coordinator of %d, wanted 1769 and at least 512", d.Shards[0].MemoryMB, d.Coordinator.MemoryMB)
	}
	for want, args := range map[string][]string{
		"fastest plan takes longer": {examplePath("digits-mlp", "model.onnx"), "--latency-target", "1ms"},
		"there is no choice":        {examplePath("vote-xgboost", "model.json"), "--max-cost", "1"},
		"--plan \"fast\"":           {examplePath("digits-mlp", "model.onnx"), "--shards", "2", "--plan", "fast"},
		"ranges of trees":           {examplePath("vote-xgboost", "model.json"), "--shards", "2", "--plan", "tensor"},
		"has 2 members":             {examplePath("", "digits-ensemble.json"), "--shards", "3"},
		"--rows 9000000000000":      {examplePath("digits-mlp", "model.onnx"), "--latency-target", "5s", "--rows", "9000000000000"},
		"--rows is for":             {examplePath("digits-mlp", "model.onnx"), "--shards", "2", "--rows", "4"},
	} {
		r := runCommand(t, append([]string{"split", "-o", filepath.Join(t.TempDir(), "x")}, args...)...).want(t, StatusInput)
		if !strings.Contains(r.stderr, want) {
			t.Errorf("%q: found %s", want, r.stderr)
		}
	}
	rows := filepath.Join(t.TempDir(), "rows")
	runCommand(t, "split", examplePath("digits-xgboost", "model.json"), "-o", rows, "--shards", "3", "--plan", "rows").want(t, StatusOK)
	if m, _, err = manifest.Read(filepath.Join(rows, manifest.FileName)); err != nil || !m.Steps[0].Stage.ByRows() || len(m.Shards) != 3 {
		t.Errorf("a split by rows made %+v (%v)", m, err)
	}
	r := runCommand(t, "split", examplePath("", "dlrm-dcnv2.json"), "-o", filepath.Join(t.TempDir(), "x"), "--shards", "12").want(t, StatusInput)
	if !strings.Contains(r.stderr, "without weights") {
		t.Errorf("a description: %s", r.stderr)
	}
}
