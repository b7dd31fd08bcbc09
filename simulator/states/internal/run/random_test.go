package run

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/simulator/states/internal/asl"
	"github.com/shardwise/shardwise/simulator/states/internal/value"
)

// writer makes machines at random that end: transitions lead to later states only.
type writer struct {
	random *rand.Rand
	names  int
}

// machine writes a list of states.
func (w *writer) machine(depth int) string {
	n := 1 + w.random.IntN(3)
	names := make([]string, n)
	for i := range names {
		w.names++
		names[i] = fmt.Sprintf("s%d", w.names)
	}
	var states []string
	for i, name := range names {
		then := `"End":true`
		if i+1 < n {
			then = fmt.Sprintf(`"Next":%q`, names[i+1])
		}
		rules := []string{`"ResultPath":null`, `"ResultPath":"$.r"`}[w.random.IntN(2)]
		if w.random.IntN(3) == 0 {
			rules += `,"Retry":[{"ErrorEquals":["States.ALL"],"MaxAttempts":1,"JitterStrategy":"FULL"}]`
		}
		if i+1 < n && w.random.IntN(2) == 0 {
			rules += fmt.Sprintf(`,"Catch":[{"ErrorEquals":["E"],"ResultPath":"$.e","Next":%q}]`, names[n-1])
		}
		states = append(states, fmt.Sprintf(`%q:{%s}`, name, w.state(depth, rules, then)))
	}
	return fmt.Sprintf(`"StartAt":%q,"States":{%s}`, names[0], strings.Join(states, ","))
}

// state writes the fields of one state.
func (w *writer) state(depth int, rules, then string) string {
	kind := w.random.IntN(7)
	switch {
	case kind == 0:
		return `"Type":"Pass","Result":[1],"ResultPath":"$.p",` + then
	case kind == 1:
		return `"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:fail",` + rules + "," + then
	case kind < 4 || depth == 0:
		return `"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:f",` + rules + "," + then
	case kind == 4:
		return fmt.Sprintf(`"Type":"Map","ItemsPath":"$.l","MaxConcurrency":%d,"ItemSelector":{"l.$":"$.l","i.$":"$$.Map.Item.Value"},"ItemProcessor":{%s},%s,%s`,
			w.random.IntN(3), w.machine(depth-1), rules, then)
	}
	var branches []string
	for range 1 + w.random.IntN(3) {
		branches = append(branches, "{"+w.machine(depth-1)+"}")
	}
	return fmt.Sprintf(`"Type":"Parallel","Branches":[%s],%s,%s`, strings.Join(branches, ","), rules, then)
}

// failing is echo, but for a function that always fails.
type failing struct{}

func (failing) Invoke(ctx context.Context, r *LambdaRequest) (*LambdaResponse, error) {
	if strings.HasSuffix(r.Function, ":fail") {
		return &LambdaResponse{Status: 200, Header: map[string][]string{"X-Amz-Function-Error": {"Unhandled"}}, Body: []byte(`{"errorType":"E"}`)}, nil
	}
	return echo{}.Invoke(ctx, r)
}

// TestRandomMachinesEndTheSameHoweverOftenTheyDie compares runs that die after every few steps with a run that does not. When
// no branch failed, every event is there once.
func TestRandomMachinesEndTheSameHoweverOftenTheyDie(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	w := &writer{random: rand.New(rand.NewPCG(seed, 0))}
	ends := map[string]int{}
	for range 60 {
		text := "{" + w.machine(3) + "}"
		m, faults := asl.Parse([]byte(text), false)
		if m == nil {
			if text := fmt.Sprint(faults); strings.Contains(text, "is not reachable") {
				continue
			}
			t.Fatalf("%s: %v", text, faults)
		}
		whole := &recorder{left: 1 << 30, kept: map[string][]byte{}}
		want := describe(t, m, whole)
		ends[strings.SplitN(want, " ", 2)[0]]++
		for _, every := range []int{1, 2, 3, 7} {
			j := &recorder{left: every, kept: map[string][]byte{}}
			got := describe(t, m, j)
			for lives := 1; got == "died"; lives++ {
				if lives > 5000 {
					t.Fatalf("%s does not end, dying after every %d steps", text, every)
				}
				j = j.reborn(t, every)
				got = describe(t, m, j)
			}
			if got != want {
				t.Errorf("%s\ndying after every %d steps: %s, want %s", text, every, got, want)
			}
			if a, b := count(j.types), count(whole.types); !strings.Contains(fmt.Sprint(b), "Failed") && !maps.Equal(a, b) {
				t.Errorf("%s\ndying after every %d steps: events %v, want %v", text, every, a, b)
			}
		}
	}
	if ends["value"] < 10 || ends["fault"] < 10 {
		t.Errorf("the machines end too much alike: %v", ends)
	}
}

// describe runs a machine and words how that ended.
func describe(t *testing.T, m *asl.Machine, j *recorder) string {
	t.Helper()
	input := map[string]any{"l": []any{int64(1), int64(2), int64(3)}}
	r := &Runner{Journal: j, Lambda: failing{}, Draw: func() float64 { return 0 }, Execution: map[string]any{}, Machine: map[string]any{}}
	out, err := r.Run(t.Context(), m, input, 0)
	switch f := faultOf(err); {
	case err == nil:
		return "value " + string(value.Encode(out))
	case f != nil:
		return "fault " + f.Name
	case errors.Is(err, errDied):
		return "died"
	}
	t.Fatal(err)
	return ""
}

// count counts events by their types.
func count(types []string) map[string]int {
	n := map[string]int{}
	for _, typ := range types {
		n[typ]++
	}
	return n
}
