//go:build unix

package workdir

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestMain(m *testing.M) {
	if parent := os.Getenv("WORKDIR_TEST_PARENT"); parent != "" {
		d, err := New(parent, "test")
		if err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		fmt.Print(d.Path())
		os.Exit(0) // without Close, like a process that was killed
	}
	os.Exit(m.Run())
}

func TestSweepRemovesOnlyWhatTheDeadLeft(t *testing.T) {
	parent := t.TempDir()
	mine, err := New(parent, "test")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "WORKDIR_TEST_PARENT="+parent)
	out, err := cmd.Output()
	if err != nil || !strings.HasPrefix(string(out), parent) {
		t.Fatalf("child said %q (%v)", out, err)
	}
	dead := string(out)
	if err := os.MkdirAll(filepath.Join(dead, "task", "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dead, "task"), 0o555); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(parent, "shardwise-sim-notours") // without a lock: not named as New names it
	if err := os.Mkdir(other, 0o755); err != nil {
		t.Fatal(err)
	}
	removed, err := Sweep(parent)
	if err != nil || len(removed) != 1 || removed[0] != dead {
		t.Fatalf("Sweep removed %v (%v), want only %s", removed, err, dead)
	}
	for _, kept := range []string{mine.Path(), other} {
		if _, err := os.Stat(kept); err != nil {
			t.Errorf("%s: %v, want it kept", kept, err)
		}
	}
	for range 2 {
		if err := mine.Close(); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(parent)
	if err != nil || len(entries) != 1 {
		t.Errorf("left: %v (%v), want only %s", entries, err, other)
	}
}

func TestSweepDoesNotFollowALinkedLock(t *testing.T) {
	parent, elsewhere := t.TempDir(), t.TempDir()
	target := filepath.Join(elsewhere, "precious")
	if err := os.WriteFile(target, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, filepath.Join(parent, prefix+"x"+suffix)); err != nil {
		t.Fatal(err)
	}
	if removed, err := Sweep(parent); err != nil || len(removed) != 0 {
		t.Errorf("Sweep removed %v (%v), want nothing", removed, err)
	}
	if _, err := os.Stat(target); err != nil {
		t.Error(err)
	}
}

func TestNewAndSweepAtOnceNeverTakeALiveDirectory(t *testing.T) {
	parent := t.TempDir()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 30 {
				d, err := New(parent, "test")
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := Sweep(parent); err != nil {
					t.Error(err)
				}
				if _, err := os.Stat(d.Path()); err != nil {
					t.Errorf("a live directory was swept: %v", err)
				}
				if err := d.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if entries, err := os.ReadDir(parent); err != nil || len(entries) != 0 {
		t.Errorf("left: %v (%v), want nothing", entries, err)
	}
}
