package cli

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// shape lists the paths of a JSON document with the kind of each value; elements of arrays share one path.
func shape(path string, v any, into map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			shape(path+"."+k, x, into)
		}
	case []any:
		for _, x := range v {
			shape(path+"[]", x, into)
		}
	default:
		into[fmt.Sprintf("%s %T", strings.TrimPrefix(path, "."), v)] = true
	}
}

func TestTheShapeOfJSONDocumentsIsGolden(t *testing.T) {
	dir := splitExample(t, "breast-cancer-xgboost", "model.json", 2)
	input, expected := examplePath("breast-cancer-xgboost", "input.csv"), examplePath("breast-cancer-xgboost", "expected.csv")
	for name, args := range map[string][]string{
		"predict": {"predict", dir, "--input", input, "--expect", expected, "--json"},
		"verify":  {"verify", dir, "--input", input, "--json", "--mode", "sum"},
		"inspect": {"inspect", dir, "--json"},
		"model":   {"inspect", examplePath("breast-cancer-xgboost", "model.json"), "--json"},
		"batch": {"batch", dir, "--local", "--input", input, "--output", filepath.Join(t.TempDir(), "answers.csv"), "--json",
			"--faults", writeFile(t, "faults.json", `{"rules":[{"fault":"throttle","first":1,"function":"*-shard-000"}]}`)},
		"version": {"version", "--json"},
	} {
		t.Run(name, func(t *testing.T) {
			var document any
			if err := json.Unmarshal([]byte(runCommand(t, args...).want(t, StatusOK).stdout), &document); err != nil {
				t.Fatalf("standard output is not one JSON document: %v", err)
			}
			paths := map[string]bool{}
			shape("", document, paths)
			var lines []string
			for p := range paths {
				lines = append(lines, p)
			}
			slices.Sort(lines)
			golden(t, "json-"+name+".txt", strings.Join(lines, "\n")+"\n")
		})
	}
}
