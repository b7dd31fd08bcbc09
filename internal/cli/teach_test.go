package cli

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFormatsThatAreNotReadAreRefusedWithWhatHelps(t *testing.T) {
	model := examplePath("diabetes-xgboost", "model.ubj")
	for file, want := range map[string][]string{
		"x.parquet": {"wanted one of csv", "shardwise batch reads parquet"}, "x.tsv": {"wanted one of csv", "save it with commas"},
		"x.csv.gz": {"wanted one of csv", "unpack it first"}, "x.xlsx": {"save the sheet as .csv"},
	} {
		refused(t, runCommand(t, "predict", model, "-i", writeFile(t, file, "x")).want(t, StatusInput), want)
	}
	for _, flag := range []string{"-i", "--expect"} {
		r := runCommand(t, "predict", model, "-i", examplePath("diabetes-xgboost", "input.csv"), flag, "-")
		if flag == "-i" {
			r = runCommand(t, "predict", model, flag, "-")
		}
		refused(t, r.want(t, StatusInput), []string{"standard input is not read"})
	}
}

func TestAnOutputWithoutFolderIsRefusedFirst(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "missing", "dir")
	for _, flag := range []string{"-o", "--trace"} {
		r := runCommand(t, "predict", examplePath("diabetes-xgboost", "model.ubj"), "-i", examplePath("diabetes-xgboost", "input.csv"), flag, filepath.Join(dir, "o.html")).want(t, StatusInput)
		refused(t, r, []string{"there is no folder " + dir, "make the folder first"})
	}
}

func TestBlanksBetweenOutputsDoNotCount(t *testing.T) {
	dir := splitExample(t, "diabetes-xgboost", "model.ubj", 2)
	r := runCommand(t, "predict", dir, "-i", examplePath("diabetes-xgboost", "input.csv"), "--outputs", "prediction, margin", "-o", "-").want(t, StatusOK)
	if !strings.HasPrefix(r.stdout, "prediction,margin\n") {
		t.Errorf("standard output begins %.40q", r.stdout)
	}
}

func TestATakenAddressNamesTheFlag(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := splitExample(t, "diabetes-xgboost", "model.ubj", 2)
	r := runCommand(t, "simulate", dir, "--addr", l.Addr().String()).want(t, StatusRun)
	refused(t, r, []string{"address already in use", "give another --addr"})
}

func TestTheNextCommandCanBePasted(t *testing.T) {
	out := filepath.Join(t.TempDir(), "it's here")
	r := runCommand(t, "split", examplePath("diabetes-xgboost", "model.ubj"), "-o", out, "--shards", "2").want(t, StatusOK)
	if want := `verify '` + strings.ReplaceAll(out, "'", `'\''`) + `' --input`; !strings.Contains(r.stderr, want) {
		t.Errorf("standard error lacks %q:\n%s", want, r.stderr)
	}
	if _, err := os.Stat(out); err != nil {
		t.Error(err)
	}
	for word, want := range map[string]string{"a/b.csv": "a/b.csv", "": "''", "a b": "'a b'", "$x": "'$x'", "~": "'~'"} {
		if got := shellWord(word); got != want {
			t.Errorf("%q becomes %s, want %s", word, got, want)
		}
	}
}
