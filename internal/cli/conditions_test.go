package cli

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/coordinator/awslambda"
)

// TestAPredictionSurvivesFaultsOrFailsTyped strikes shards and holds the answers against the library's: a fault is
// repaired by another attempt, or ends the command with the kind of the error, and never changes a value.
func TestAPredictionSurvivesFaultsOrFailsTyped(t *testing.T) {
	dir := splitExample(t, "diabetes-xgboost", "model.ubj", 2)
	input, expect := examplePath("diabetes-xgboost", "input.csv"), examplePath("diabetes-xgboost", "expected.csv")
	run := func(rules string) result {
		file := writeFile(t, "faults.json", `{"rules":[`+rules+`]}`)
		return runCommand(t, "predict", dir, "--json", "--input", input, "--expect", expect, "--faults", file)
	}
	for name, rules := range map[string]string{
		"kill":               `{"fault":"kill","function":"*-shard-*","first":1}`,
		"throttle":           `{"fault":"throttle","function":"*-shard-*","first":1}`,
		"slow":               `{"fault":"slow","function":"*-shard-000","first":1,"delay_ms":50}`,
		"corrupt shards":     `{"fault":"corrupt","function":"*-shard-*","first":1,"bits":3}`,
		"killed coordinator": `{"fault":"kill","function":"*-coordinator","first":1}`,
	} {
		t.Run(name, func(t *testing.T) {
			f := run(rules).want(t, StatusOK).facts(t)
			if f.Within == nil || !*f.Within || len(f.Faults) != 1 || f.Faults[0].Fired == 0 || f.Faults[0].Seen < f.Faults[0].Fired {
				t.Errorf("within %v, rules %+v", f.Within, f.Faults)
			}
			if f.Retries+f.Repeated == 0 && name != "slow" {
				t.Error("nothing was tried again")
			}
		})
	}
	for rules, want := range map[string]string{
		`{"fault":"corrupt","function":"*-coordinator"}`: "not the one asked for",
		`{"fault":"throttle","function":"*-shard-001"}`:  "Throttled",
		`{"fault":"timeout","function":"*-shard-001"}`:   "Timeout",
		`{"fault":"corrupt","function":"*-shard-001"}`:   "garbled",
		`{"fault":"oversize","function":"*-shard-001"}`:  "ResponseSizeTooLarge",
	} {
		if r := run(rules); r.status == StatusOK || r.status == StatusVerdict || !strings.Contains(strings.ToLower(r.stderr+r.stdout), strings.ToLower(want)) {
			t.Errorf("%s: status %d, wanted an error that says %s, found %s %s", rules, r.status, want, r.stdout, r.stderr)
		}
	}
}

func TestWrongConditionsTeach(t *testing.T) {
	dir := splitExample(t, "diabetes-xgboost", "model.ubj", 2)
	input := examplePath("diabetes-xgboost", "input.csv")
	for want, args := range map[string][]string{
		"want gillis or a JSON file":       {"--network", "gilis"},
		"want one of kill, hang, slow":     {"--faults", writeFile(t, "a.json", `{"rules":[{"fault":"crash"}]}`)},
		`no function is called "shard-9"`:  {"--faults", writeFile(t, "b.json", `{"rules":[{"fault":"kill","function":"shard-9"}]}`)},
		"call.loc: want 0 to 900,000 ms":   {"--network", writeFile(t, "c.json", `{"call":{"loc":-1}}`)},
		"the model delays nothing":         {"--network", writeFile(t, "d.json", `{}`)},
		"invalid argument \"x\" for \"--s": {"--seed", "x"},
	} {
		r := runCommand(t, append([]string{"predict", dir, "--input", input}, args...)...)
		if r.status == StatusOK || r.status == StatusRun || !strings.Contains(strings.Join(strings.Fields(r.stderr), " "), want) {
			t.Errorf("%v: status %d, wanted %q:\n%s", args, r.status, want, r.stderr)
		}
	}
}

func TestTheNetworkAddsItsLatencyAndChangesNoValue(t *testing.T) {
	dir := splitExample(t, "diabetes-xgboost", "model.ubj", 2)
	model := writeFile(t, "net.json", `{"name":"flat","source":"a test","call":{"loc":40},"return":{"loc":20}}`)
	f := runCommand(t, "verify", dir, "--json", "--input", examplePath("diabetes-xgboost", "input.csv"), "--network", model, "--seed", "3").
		want(t, StatusOK).facts(t)
	if f.Within == nil || !*f.Within {
		t.Errorf("verdict %v", f.Within)
	}
	// One round trip to the coordinator and one to a shard.
	if f.ServeSeconds < 0.120 {
		t.Errorf("served in %.3f s, wanted two round trips of 60 ms", f.ServeSeconds)
	}
	for _, l := range f.Lanes {
		if l.Shard >= 0 && l.LongestUS < 60_000 {
			t.Errorf("%s: the longest call took %d µs, wanted a round trip of 60 ms", l.Function, l.LongestUS)
		}
	}
}

func TestSimulateTellsWhatItsFaultsDid(t *testing.T) {
	dir := splitExample(t, "diabetes-xgboost", "model.ubj", 2)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var out, errs buffer
	a := testApp(t, &out, &errs)
	ended := make(chan int, 1)
	file := writeFile(t, "faults.json", `{"rules":[{"fault":"throttle","function":"*-coordinator","first":1}]}`)
	go func() {
		ended <- a.Run(ctx, []string{"simulate", dir, "--json", "--memory-limit=false", "--faults", file})
	}()
	f := awaitFacts(t, &out, ended)
	client, err := awslambda.New(awslambda.Options{Region: f.Region, Endpoint: f.Endpoint, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	target := coordinator.Target{Function: f.Coordinator, Qualifier: f.Aliases[0]}
	if _, err := client.Invoke(ctx, target, []byte("{}")); err == nil {
		t.Error("the first call was not throttled")
	}
	if r, err := client.Invoke(ctx, target, []byte("{}")); err != nil || !json.Valid(r.Body) {
		t.Errorf("the second call: %v %s", err, r.Body)
	}
	interrupt()
	if status := <-ended; status != StatusOK || !strings.Contains(errs.String(), "throttle *-coordinator: fired 1 of 2 invocations") {
		t.Errorf("status %d:\n%s", status, errs.String())
	}
}
