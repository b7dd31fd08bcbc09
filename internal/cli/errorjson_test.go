package cli

import (
	"encoding/json"
	"testing"
)

func TestErrorsAreDocumentsUnderJSON(t *testing.T) {
	dir := splitExample(t, "diabetes-xgboost", "model.ubj", 2)
	for _, c := range []struct {
		args []string
		kind string
	}{
		{[]string{"predict", dir, "--json"}, ""},
		{[]string{"predict", dir, "--input", writeFile(t, "x.csv", "a,b\n1,2\n"), "--json"}, ""},
		{[]string{"inspect", "nosuch", "--json"}, ""},
	} {
		r := runCommand(t, c.args...).want(t, StatusInput)
		var d errorDocument
		if err := json.Unmarshal([]byte(r.stdout), &d); err != nil {
			t.Fatalf("%v: standard output is not one JSON document: %v\n%s", c.args, err, r.stdout)
		}
		if d.Error.Status != StatusInput || d.Error.Message == "" || d.Error.Kind != c.kind || r.stderr == "" {
			t.Errorf("%v: printed %+v, and on standard error %q", c.args, d.Error, r.stderr)
		}
	}
}
