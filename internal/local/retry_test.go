package local_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/shardwise/shardwise/internal/local"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
)

// dying is the name under which the test binary takes one invocation and breaks.
const dying = "dying"

func dieDuringAnInvocation() {
	r, err := http.Get("http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/next")
	if err == nil {
		_ = r.Body.Close()
	}
	os.Exit(7)
}

// startDying serves a directory whose functions of that handler break during their invocations: each time that the shell
// command condition succeeds.
func startDying(t *testing.T, m *local.Model, handler, condition string) *local.Deployment {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for _, name := range []string{dying, "bootstrap"} {
		if err := os.Symlink(self, filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	script := filepath.Join(folder, "script")
	text := fmt.Sprintf("#!/bin/sh\nif [ \"$_HANDLER\" = %s ] && %s; then exec %s/dying; fi\nexec %s/bootstrap\n", handler, condition, folder, folder)
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	d, err := local.Start(context.Background(), local.Config{Model: m, Bootstrap: script, TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func TestACoordinatorThatBreaksOnceIsAskedAgain(t *testing.T) {
	m := load(t, directory(t, 2))
	in := tensor.Named{"features": rows(t, m)}
	want, err := start(t, m).Predict(t.Context(), in, local.Request{})
	if err != nil {
		t.Fatal(err)
	}
	if len(want.Failures) != 0 {
		t.Errorf("a sound coordinator has failures: %v", want.Failures)
	}
	d := startDying(t, m, "coordinator", "mkdir '"+filepath.Join(t.TempDir(), "once")+"' 2>/dev/null")
	got, err := d.Predict(t.Context(), in, local.Request{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Failures) != 1 || got.Failures[0].Kind != shard.Crashed || !got.Failures[0].End.Before(got.Start) {
		t.Errorf("failures %+v, wanted one crash before the answer", got.Failures)
	}
	for name, t0 := range want.Outputs {
		if !bytes.Equal(got.Outputs[name].Bytes(), t0.Bytes()) {
			t.Errorf("output %s differs after a repetition", name)
		}
	}
}

func TestACoordinatorThatAlwaysBreaksIsGivenUp(t *testing.T) {
	m := load(t, directory(t, 2))
	d := startDying(t, m, "coordinator", "true")
	_, err := d.Predict(t.Context(), tensor.Named{"features": rows(t, m)}, local.Request{})
	if shard.KindOf(err) != shard.Crashed {
		t.Fatalf("failed with %v, wanted a crash", err)
	}
	if n := d.Bills()[m.Deployment.Coordinator.Name].Invocations; n != 4 {
		t.Errorf("%d invocations of the coordinator, wanted 4: %v", n, err)
	}
}

func TestACoordinatorsOwnVerdictIsFinal(t *testing.T) {
	m := load(t, directory(t, 2))
	d := startDying(t, m, "shard", "true")
	if _, err := d.Predict(t.Context(), tensor.Named{"features": rows(t, m)}, local.Request{}); shard.KindOf(err) != shard.Crashed {
		t.Fatalf("failed with %v, wanted the shards' crash", err)
	}
	// The coordinator has repeated its calls of the shards; asking it again would repeat the repetitions.
	if n := d.Bills()[m.Deployment.Coordinator.Name].Invocations; n != 1 {
		t.Errorf("%d invocations of the coordinator, wanted 1", n)
	}
}

func TestTheEndStopsRepetitions(t *testing.T) {
	m := load(t, directory(t, 2))
	d := startDying(t, m, "coordinator", "true")
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := d.Predict(ctx, tensor.Named{"features": rows(t, m)}, local.Request{}); err == nil {
		t.Fatal("predicted after the end")
	}
	if n := d.Bills()[m.Deployment.Coordinator.Name].Invocations; n > 1 {
		t.Errorf("%d invocations of the coordinator after the caller gave up", n)
	}
}
