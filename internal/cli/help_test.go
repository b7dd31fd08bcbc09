package cli

import (
	"strings"
	"testing"
)

func TestHelpOfEveryCommandIsGolden(t *testing.T) {
	for _, name := range []string{"", "inspect", "split", "verify", "predict", "simulate", "batch", "batch status", "batch stop", "batch redrive", "version"} {
		args := append(strings.Fields(name), "--help")
		title := "help"
		if name != "" {
			title += "-" + strings.ReplaceAll(name, " ", "-")
		}
		t.Run(title, func(t *testing.T) {
			r := runCommand(t, args...).want(t, StatusOK)
			if r.stderr != "" {
				t.Errorf("help wrote to standard error: %q", r.stderr)
			}
			if !strings.Contains(r.stdout, "Examples:") {
				t.Error("help shows no example")
			}
			golden(t, title+".txt", r.stdout)
		})
	}
}

func TestWrongCommandLinesTeach(t *testing.T) {
	model := examplePath("digits-xgboost", "model.json")
	for _, c := range []struct{ args, want string }{
		{"frobnicate", `unknown command "frobnicate"`},
		{"spilt", `unknown command "spilt" (is split meant?)`},
		{"help spilt", `unknown command "spilt" (is split meant?)`},
		{"help split parts", `unknown command "parts"`},
		{"predict --inptu x.csv", "unknown flag: --inptu (is --input meant?)"},
		{"predict --frobnicate", "unknown flag: --frobnicate"},
		{"inspect", "the model file or directory is missing"},
		{"inspect a b", "one argument is wanted"},
		{"split " + model, "-o DIR"},
		{"split " + model + " -o x", "--shards N, or --memory MB"},
		{"split " + model + " -o x --shards 2 --memory 512", "exclude each other"},
		{"split " + model + " -o x --shards 0", "at least 1"},
		{"split " + model + " -o x --shards four", `--shards: "four" is no whole number`},
		{"split " + model + " -o x --shards 99999999999999999999", `--shards: "99999999999999999999" is out of range`},
		{"split " + model + " -o x --max-cost much", `--max-cost: "much" is no number`},
		{"split " + model + " -o x --latency-target 5", `--latency-target: "5" is no duration; one is 200ms or 1.5s`},
		{"split " + model + " -o x --shards 2 --name A", `--name: "A" is no model name: one has 1 to 40 of a-z`},
		{"split " + model + " -o x --shards 2 --model-version 1ü", `--model-version: "1ü" is no version: one has`},
		{"simulate parts --memory-limit=no", `--memory-limit: "no" is neither true nor false`},
		{"splt " + model + " -o x", `unknown command "splt" (is split meant?)`},
		{"-o splt", "unknown shorthand flag: 'o' in -o"},
		{"predict " + model + " -i a.csv -i b.csv", "--input stands twice"},
		{"predict " + model + " -i a.csv --outputs margin,margin", `--outputs names "margin" twice`},
		{"predict " + model + " -i a.csv --outputs margin --outputs margin", `--outputs names "margin" twice`},
		{"split " + model + " -o x --memory 64", "128 to 10240"},
		{"predict " + model + " --shards 2", "--input FILE"},
		{"predict " + model + " --input x.csv --json --output -", "--output FILE"},
		{"verify " + model + " --input x.csv", "shardwise split"},
		{"simulate " + model, "shardwise split"},
		{"version extra", "unknown command"},
	} {
		t.Run(c.args, func(t *testing.T) {
			r := runCommand(t, strings.Fields(c.args)...).want(t, StatusInput)
			if !strings.Contains(r.stderr, c.want) {
				t.Errorf("standard error lacks %q:\n%s", c.want, r.stderr)
			}
			if !strings.Contains(r.stderr, "--help") {
				t.Errorf("standard error does not say where help is:\n%s", r.stderr)
			}
			if r.stdout != "" {
				t.Errorf("standard output is not empty: %q", r.stdout)
			}
		})
	}
}

func TestVersionNamesTheFormats(t *testing.T) {
	r := runCommand(t, "version").want(t, StatusOK)
	if !strings.Contains(r.stdout, "v0.0.0-test") || !strings.Contains(r.stdout, "shardwise/1") {
		t.Errorf("version prints %q", r.stdout)
	}
	r = runCommand(t, "version", "--json").want(t, StatusOK)
	if !strings.Contains(r.stdout, `"manifest": "shardwise/1"`) {
		t.Errorf("version --json prints %q", r.stdout)
	}
}

func TestHelpOfACommandIsItsHelp(t *testing.T) {
	for _, name := range []string{"split", "predict", "help"} {
		a, b := runCommand(t, "help", name).want(t, StatusOK), runCommand(t, name, "--help").want(t, StatusOK)
		if a.stdout != b.stdout || !strings.Contains(a.stdout, "--help") {
			t.Errorf("help %s prints\n%s%s --help prints\n%s", name, a.stdout, name, b.stdout)
		}
	}
	if all := runCommand(t, "help").want(t, StatusOK); all.stdout != runCommand(t, "--help").stdout {
		t.Errorf("help prints\n%s", all.stdout)
	}
}
