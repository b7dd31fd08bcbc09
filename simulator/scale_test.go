//go:build unix

package simulator_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shardwise/shardwise/simulator"
)

// fromEnv reads a number that makes a test longer than it is by default.
func fromEnv(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q: want a number from 1", name, text)
	}
	return n
}

// TestManyEnvironmentsStartAnswerAndAreReaped holds all of them at work at the same time. SIMULATOR_TEST_SCALE=1000 is as
// many as a new account may have.
func TestManyEnvironmentsStartAnswerAndAreReaped(t *testing.T) {
	n := fromEnv(t, "SIMULATOR_TEST_SCALE", 60)
	f := fn(t, "f", "script")
	f.Timeout = 5 * time.Minute
	f.Env["GOMAXPROCS"] = "1"
	sim, _ := start(t, simulator.Config{Functions: []simulator.Function{f}, IdleTimeout: 300 * time.Millisecond})
	dir := t.TempDir()
	url, c := sim.Endpoint()+"/2015-03-31/functions/f/invocations", httpClient(t)
	begin := time.Now()
	pids, errs := make([]int, n), make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			pids[i], errs[i] = postForPID(c, url, fmt.Sprintf(`{"Do":"gather","Arg":%q}`, dir))
		})
	}
	for at := 0; at < n && time.Since(begin) < 4*time.Minute; time.Sleep(20 * time.Millisecond) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		at = len(entries)
	}
	t.Logf("%d environments were at work at once after %v", n, time.Since(begin))
	if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	all.Wait()
	t.Logf("all had answered after %v", time.Since(begin))
	seen := map[int]bool{}
	for i, pid := range pids {
		if errs[i] != nil {
			t.Fatalf("invocation %d: %v", i, errs[i])
		}
		seen[pid] = true
	}
	if len(seen) != n {
		t.Errorf("%d processes served %d invocations that ran at once", len(seen), n)
	}
	eventually(t, "the idle processes to be reaped", func() bool {
		for _, pid := range pids {
			if alive(pid) {
				return false
			}
		}
		return true
	})
	if _, err := postForPID(c, url, `{}`); err != nil {
		t.Errorf("after that: %v", err)
	}
}

// TestSixtyFourFunctionsAreReadyWithinTwoSeconds counts from the first call to the last answer of a scatter over functions
// that have no environment yet. SIMULATOR_TEST_READY is the limit in milliseconds; by default it allows for a loaded machine.
func TestSixtyFourFunctionsAreReadyWithinTwoSeconds(t *testing.T) {
	const wide = 64
	limit := time.Duration(fromEnv(t, "SIMULATOR_TEST_READY", 20000)) * time.Millisecond
	var functions []simulator.Function
	for i := range wide {
		f := fn(t, fmt.Sprintf("shard-%d", i), "script")
		f.Env["GOMAXPROCS"] = "1"
		functions = append(functions, f)
	}
	begin := time.Now()
	sim, _ := start(t, simulator.Config{Functions: functions})
	c, errs := httpClient(t), make([]error, wide)
	var all sync.WaitGroup
	for i := range wide {
		all.Go(func() {
			_, errs[i] = postForPID(c, fmt.Sprintf("%s/2015-03-31/functions/shard-%d/invocations", sim.Endpoint(), i), `{}`)
		})
	}
	all.Wait()
	took := time.Since(begin)
	t.Logf("from Start to the last of %d answers: %v", wide, took)
	for i, err := range errs {
		if err != nil {
			t.Errorf("shard %d: %v", i, err)
		}
	}
	if took > limit {
		t.Errorf("it took %v, want at most %v", took, limit)
	}
}

// postForPID invokes without an SDK, which would cost more than what is measured, and returns the process that answered.
func postForPID(c *http.Client, url, body string) (int, error) {
	r, err := c.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	text, err := io.ReadAll(r.Body)
	if err = errors.Join(err, r.Body.Close()); err != nil {
		return 0, err
	}
	if r.StatusCode != http.StatusOK || r.Header.Get("X-Amz-Function-Error") != "" {
		return 0, fmt.Errorf("status %d: %s", r.StatusCode, text)
	}
	return strconv.Atoi(string(text))
}

// gather leaves a file in dir and answers once there is one called go.
func gather(dir string) error {
	if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(os.Getpid())), nil, 0o600); err != nil {
		return err
	}
	for range 1200 {
		if _, err := os.Stat(filepath.Join(dir, "go")); err == nil {
			return nil
		}
		time.Sleep(200 * time.Millisecond)
	}
	return errors.New("waited four minutes for the others")
}
