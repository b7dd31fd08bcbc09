package states_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shardwise/shardwise/simulator/states"
)

// TestADirectoryThatCannotBeUsedIsRefused opens servers where there is no state, another's, or something else.
func TestADirectoryThatCannotBeUsedIsRefused(t *testing.T) {
	used := t.TempDir()
	s := start(t, states.Config{Dir: used, Lambda: testFunctions()})
	wait(t, s, begin(t, s, create(t, s, "m", "STANDARD", one(pass)), "{}"))
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "states.db"), []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"in use": used, "not there": filepath.Join(other, "none"), "another file": other} {
		begun := time.Now()
		s, err := states.New(states.Config{Dir: dir})
		if err == nil {
			t.Errorf("%s: a server opens", name)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		} else if !strings.HasPrefix(err.Error(), "open state store "+dir) || time.Since(begun) > 30*time.Second {
			t.Errorf("%s: %v after %s", name, err, time.Since(begun))
		}
	}
}

// TestAStateThatIsCutShortIsRefused cuts a server's file as a full disk or a power cut may have: no server opens, and nothing is written.
func TestAStateThatIsCutShortIsRefused(t *testing.T) {
	dir := t.TempDir()
	s, err := states.New(states.Config{Dir: dir, Lambda: testFunctions()})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "states.db")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n < len(data); n += 509 {
		if err := os.WriteFile(path, data[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := states.New(states.Config{Dir: dir, Lambda: testFunctions()})
		if err == nil {
			t.Errorf("a server opens with %d of %d bytes", n, len(data))
			err = s.Close()
		} else if strings.HasPrefix(err.Error(), "open state store "+path+": it is damaged, and nothing of it was changed") && strings.Contains(err.Error(), "move it away") {
			err = nil
		}
		after, readErr := os.ReadFile(path)
		if err != nil || readErr != nil || string(after) != string(data[:n]) {
			t.Errorf("%d of %d bytes: %v, %v; %d bytes after", n, len(data), err, readErr, len(after))
		}
	}
}
