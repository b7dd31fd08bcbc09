package cli

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

func TestWrongPathsAndAddressesTeach(t *testing.T) {
	dir := splitExample(t, "diabetes-xgboost", "model.ubj", 2)
	model, input := examplePath("diabetes-xgboost", "model.ubj"), examplePath("diabetes-xgboost", "input.csv")
	file := writeFile(t, "out", "x")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"split", model, "-o", file, "--shards", "2"}, "is a file; name a directory"},
		{[]string{"split", "nosuch.json", "-o", filepath.Join(t.TempDir(), "x")}, "nosuch.json"},
		{[]string{"split", "nosuch.json"}, "nosuch.json"},
		{[]string{"simulate", dir, "--addr", "9001"}, "wanted HOST:PORT"},
		{[]string{"simulate", dir, "--addr", "127.0.0.1:99999"}, "wanted HOST:PORT"},
		{[]string{"simulate", dir, "--addr", "127.0.0.1:http"}, "wanted HOST:PORT"},
		{[]string{"simulate", dir, "--addr", ""}, "wanted HOST:PORT"},
		{[]string{"predict", dir, "--input", input, "--outputs", ""}, "--outputs names no output"},
		{[]string{"verify", dir, "--input", input, "--outputs", ""}, "--outputs names no output"},
	} {
		refused(t, runCommand(t, c.args...).want(t, StatusInput), []string{c.want})
	}
	if got := readFile(t, file); got != "x" {
		t.Errorf("split changed the file to %q", got)
	}
}

func TestSimulateAtAllAddressesPrintsAUsableOneAndWarns(t *testing.T) {
	dir := splitExample(t, "diabetes-xgboost", "model.ubj", 2)
	for _, addr := range []string{"0.0.0.0:0", ":0", "127.0.0.1:0"} {
		ctx, interrupt := context.WithCancel(t.Context())
		var out, errs buffer
		a := testApp(t, &out, &errs)
		ended := make(chan int, 1)
		go func() { ended <- a.Run(ctx, []string{"simulate", dir, "--json", "--addr", addr}) }()
		f := awaitFacts(t, &out, ended)
		if !strings.HasPrefix(f.Endpoint, "http://127.0.0.1:") || !strings.Contains(f.Example, f.Endpoint) {
			t.Errorf("%s: the endpoint is %s, wanted the loopback address; the example:\n%s", addr, f.Endpoint, f.Example)
		}
		if r, err := http.Get(f.Endpoint); err != nil {
			t.Errorf("%s: %v", addr, err)
		} else if err := r.Body.Close(); err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
		interrupt()
		if status := <-ended; status != StatusOK {
			t.Errorf("%s: status %d:\n%s", addr, status, errs.String())
		}
		if warned := strings.Contains(errs.String(), "open to the network"); warned == strings.HasPrefix(addr, "127.") {
			t.Errorf("%s: warned: %v:\n%s", addr, warned, errs.String())
		}
	}
}
