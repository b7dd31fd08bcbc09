package cli

import (
	"strings"
	"testing"
)

func TestUnknownFormatsAreRefusedBeforeTheSplit(t *testing.T) {
	model, rows := examplePath("diabetes-xgboost", "model.ubj"), examplePath("diabetes-xgboost", "input.csv")
	strange := writeFile(t, "rows.xlsx", "PK")
	for _, flags := range [][]string{{"--input", strange}, {"--input", rows, "--expect", strange}} {
		r := runCommand(t, append([]string{"predict", model, "--shards", "2"}, flags...)...).want(t, StatusInput)
		if strings.Contains(r.stderr, "splitting") || !strings.Contains(r.stderr, "tells no format") {
			t.Errorf("%v: the format is not checked first:\n%s", flags, r.stderr)
		}
	}
}
