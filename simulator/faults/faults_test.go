package faults_test

import (
	"bytes"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/shardwise/shardwise/simulator/faults"
)

func read(t *testing.T, rules string) *faults.Plan {
	t.Helper()
	p, err := faults.Read(strings.NewReader(`{"rules":[` + rules + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// fates draws the first n invocations of a function; a dot is one that passes.
func fates(in *faults.Injector, function string, n int) string {
	var b strings.Builder
	for range n {
		if s := in.Next(function); s != nil {
			b.WriteByte(s.Fault[0])
		} else {
			b.WriteByte('.')
		}
	}
	return b.String()
}

func TestRulesPickByNumber(t *testing.T) {
	for _, tc := range []struct{ rules, want string }{
		{`{"fault":"kill"}`, "kkkkkkkk"},
		{`{"fault":"kill","first":2}`, "kk......"},
		{`{"fault":"kill","every":3}`, "..k..k.."},
		{`{"fault":"kill","after":5}`, ".....kkk"},
		{`{"fault":"kill","after":2,"first":4,"every":2}`, "...k.k.."},
		{`{"fault":"kill","count":3}`, "kkk....."},
		{`{"fault":"kill","probability":0}`, "........"},
		{`{"fault":"kill","probability":1}`, "kkkkkkkk"},
		{`{"fault":"kill","function":"g*"}`, "........"},
		{`{"fault":"kill","function":"f-*","first":1},{"fault":"hang","first":2},{"fault":"oversize","every":4}`, "kh.o...o"},
	} {
		if got := fates(faults.New(read(t, tc.rules), 1), "f-1", 8); got != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", tc.rules, got, tc.want)
		}
	}
}

func TestEachFunctionCountsForItselfAndCountOverAll(t *testing.T) {
	in := faults.New(read(t, `{"fault":"kill","first":1},{"fault":"throttle","after":1,"count":1}`), 1)
	got := fates(in, "a", 2) + fates(in, "b", 2)
	if got != "ktk." {
		t.Errorf("got %s, want ktk.", got)
	}
	counts := in.Counts()
	if counts[0].Seen != 4 || counts[0].Fired != 2 || counts[1].Seen != 4 || counts[1].Fired != 1 {
		t.Errorf("counts %+v", counts)
	}
	var none *faults.Injector
	if none.Next("a") != nil || none.Counts() != nil || faults.New(nil, 1) != nil {
		t.Error("without a plan something is struck")
	}
}

func TestProbabilityIsKeptAndSeededWhateverTheOrder(t *testing.T) {
	plan := read(t, `{"fault":"kill","probability":0.25}`)
	const n = 4000
	alone := fates(faults.New(plan, 9), "f", n)
	if hits := strings.Count(alone, "k"); hits < n/4-150 || hits > n/4+150 {
		t.Errorf("%d of %d struck, want a quarter", hits, n)
	}
	if fates(faults.New(plan, 10), "f", n) == alone {
		t.Error("another seed strikes the same invocations")
	}
	in := faults.New(plan, 9)
	var other sync.WaitGroup
	other.Go(func() { fates(in, "g", n) })
	if got := fates(in, "f", n); got != alone {
		t.Error("another function's invocations change the fates of this one")
	}
	other.Wait()
}

func TestFlipChangesTheNumberOfBits(t *testing.T) {
	for _, want := range []int{1, 7, 64} {
		s := faults.New(read(t, fmt.Sprintf(`{"fault":"corrupt","bits":%d}`, want)), 3).Next("f")
		was, now := bytes.Repeat([]byte{0xa5}, 100), bytes.Repeat([]byte{0xa5}, 100)
		s.Flip(now)
		n := 0
		for i := range now {
			n += bits.OnesCount8(was[i] ^ now[i])
		}
		if n != want {
			t.Errorf("%d bits flipped, want %d", n, want)
		}
		s.Flip(nil)
		short := []byte{0}
		if s.Flip(short); want >= 8 && short[0] != 0xff {
			t.Errorf("of 8 bits %b flipped, want all", short[0])
		}
	}
}

func TestBadPlansAreRefusedWithWhatWouldDo(t *testing.T) {
	for rules, want := range map[string]string{
		``:                                    "at least one rule",
		`{"fault":"crash"}`:                   "want one of kill, hang, slow, throttle, corrupt, oversize, timeout",
		`{"fault":"kill","shard":1}`:          "each rule with fault, function",
		`{"fault":"kill","function":"["}`:     "want a shell pattern",
		`{"fault":"kill","first":-1}`:         "none may be negative",
		`{"fault":"kill","probability":2}`:    "want 0 to 1",
		`{"fault":"slow"}`:                    "want delay_ms",
		`{"fault":"hang","delay_ms":5}`:       "goes with kill, slow and timeout",
		`{"fault":"slow","delay_ms":1000000}`: "want 0 to 900000",
		`{"fault":"kill","bits":5}`:           "bits goes with corrupt",
		`{"fault":"corrupt","bits":5000}`:     "want 1 to 1024",
	} {
		if _, err := faults.Read(strings.NewReader(`{"rules":[` + rules + `]}`)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", rules, err, want)
		}
	}
	names := []string{"m-coordinator", "m-shard-000", "m-shard-001"}
	if err := read(t, `{"fault":"kill","function":"*-shard-007"}`).CheckFunctions(names); err == nil || !strings.Contains(err.Error(), "m-shard-000") {
		t.Errorf("a rule without functions: %v", err)
	}
	if err := read(t, `{"fault":"kill","function":"*-shard-*"},{"fault":"kill"}`).CheckFunctions(names); err != nil {
		t.Error(err)
	}
	file := filepath.Join(t.TempDir(), "f.json")
	if _, err := faults.Load(file); err == nil {
		t.Error("a missing file is read")
	}
	if err := os.WriteFile(file, []byte(`{"rules":[{"fault":"hang"}]} 1`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := faults.Load(file); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("more behind the plan: %v", err)
	}
}
