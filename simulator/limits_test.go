//go:build unix

package simulator_test

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/shardwise/shardwise/simulator"
)

func TestThrottlesAnswerWithTheirReasonAndEndWithTheInvocation(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		reason types.ThrottleReason
		cfg    func(*simulator.Config)
	}{
		{types.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded, func(c *simulator.Config) { c.Functions[0].ReservedConcurrency = new(1) }},
		{types.ThrottleReasonConcurrentInvocationLimitExceeded, func(c *simulator.Config) { c.MaxConcurrency = 1 }},
		{types.ThrottleReasonConcurrentInvocationLimitExceeded, func(c *simulator.Config) {
			c.MaxConcurrency, c.Functions[1].ReservedConcurrency = 3, new(2) // what is reserved is not for others
		}},
	} {
		f := fn(t, "f", "script")
		f.Timeout = 500 * time.Millisecond
		cfg := simulator.Config{Functions: []simulator.Function{f, fn(t, "other", "script")}}
		tc.cfg(&cfg)
		sim, c := start(t, cfg)
		hold(t, c, filepath.Join(t.TempDir(), "mark"))
		_, err := c.Invoke(context.Background(), input("f", []byte("{}")))
		var throttle *types.TooManyRequestsException
		if !errors.As(err, &throttle) || throttle.Reason != tc.reason || throttle.RetryAfterSeconds == nil {
			t.Fatalf("want a throttle for %s, got %v", tc.reason, err)
		}
		r := wire(t, "POST", sim.Endpoint()+"/2015-03-31/functions/f/invocations", nil)
		want := `{"Reason":"` + string(tc.reason) + `","Type":"User","message":"Rate Exceeded."}`
		if r.status != 429 || r.body != want || r.header.Get("Retry-After") == "" || r.header.Get("X-Amzn-ErrorType") != "TooManyRequestsException" {
			t.Errorf("status %d, body %s, want %s", r.status, r.body, want)
		}
		if r := wire(t, "POST", sim.Endpoint()+"/2015-03-31/functions/f/invocations", nil, "X-Amz-Invocation-Type", "DryRun"); r.status != 204 {
			t.Errorf("DryRun of a busy function: status %d, want 204", r.status)
		}
		eventually(t, "the throttle to end with the invocation", func() bool {
			_, err := c.Invoke(context.Background(), input("f", []byte("{}")))
			return err == nil
		})
	}
}

func TestZeroReservedConcurrencyThrottlesEveryCall(t *testing.T) {
	t.Parallel()
	f := fn(t, "f", "script")
	f.ReservedConcurrency = new(0)
	_, c := start(t, simulator.Config{Functions: []simulator.Function{f}})
	_, err := c.Invoke(context.Background(), input("f", nil))
	var throttle *types.TooManyRequestsException
	if !errors.As(err, &throttle) || throttle.Reason != types.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded {
		t.Errorf("got %v", err)
	}
}

func TestNewEnvironmentsComeAtALimitedRateForEachFunction(t *testing.T) {
	t.Parallel()
	_, c := start(t, simulator.Config{ScalingRate: 1, Functions: []simulator.Function{fn(t, "f", "script"), fn(t, "other", "script")}})
	hold(t, c, filepath.Join(t.TempDir(), "mark"))
	_, err := c.Invoke(context.Background(), input("f", []byte("{}")))
	var throttle *types.TooManyRequestsException
	if !errors.As(err, &throttle) || throttle.RetryAfterSeconds == nil {
		t.Errorf("a second environment within 10 s: %v, want a throttle", err)
	}
	ok(t, c, "other", command{})
	ok(t, c, "other", command{}) // a warm environment is no new one
}

func TestValidateReportsAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	err := simulator.Config{Region: "moon", Account: "1", MaxConcurrency: 1, ScalingRate: -1, Functions: []simulator.Function{
		{Name: "a b"},
		{Name: "f", Command: []string{"/x"}, MemoryMB: 1, EphemeralMB: 1, Timeout: time.Hour, ReservedConcurrency: new(-1)},
		{Name: "f", Command: []string{"/x"}, ReservedConcurrency: new(5)},
		{Name: "g", Command: []string{"run"}, Files: []simulator.File{{Name: "../run", Source: "/x"}}},
		{Name: "h", Command: []string{"/x"}, Env: map[string]string{"_HANDLER": "x", "A": "1", "BIG": strings.Repeat("x", 5000)}},
		{Name: "i", Command: []string{"/x"}, Versions: []simulator.Version{{Number: "0"}, {Number: "1"}, {Number: "1"}}, Aliases: map[string]string{"12": "1", "live": "7"}},
	}}.Validate()
	if err == nil {
		t.Fatal("no fault found")
	}
	for _, want := range []string{"region", "account", "ScalingRate -1", `function "a b"`, "memory 1 MB", "ephemeral storage 1 MB", "timeout 1h0m0s", "reserved concurrency -1",
		"stands twice", "adds up to 5", `"../run"`, `program "run"`, "_HANDLER is reserved", `variable "A"`, "5014 bytes", `version "0"`, `version "1"`,
		`alias "12"`, `version "7"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the report lacks %q:\n%v", want, err)
		}
	}
	if _, err := simulator.Start(context.Background(), simulator.Config{Region: "moon"}); err == nil {
		t.Error("Start accepts what Validate refuses")
	}
	if err := (simulator.Config{}).Validate(); err != nil {
		t.Errorf("the zero configuration: %v", err)
	}
}

func TestAFailedStartLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, cfg := range map[string]simulator.Config{
		"address": {Dir: dir, Addr: "256.0.0.1:0"},
		"file":    {Dir: dir, Functions: []simulator.Function{{Name: "f", Command: []string{"/x"}, Files: []simulator.File{{Name: "a", Source: "/no/such"}}}}},
	} {
		if sim, err := simulator.Start(context.Background(), cfg); err == nil {
			t.Errorf("%s: started", name)
			if err := sim.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	if left, err := filepath.Glob(dir + "/*"); err != nil || len(left) > 0 {
		t.Errorf("left %v (%v)", left, err)
	}
}

func TestFunctionsAndTheirConfigurationCanBeRead(t *testing.T) {
	t.Parallel()
	var functions []simulator.Function
	for i := range 60 {
		f := fn(t, "shard-"+string(rune('a'+i/10))+string(rune('0'+i%10)), "echo")
		f.MemoryMB, f.Timeout = 256, 1500*time.Millisecond
		functions = append(functions, f)
	}
	functions[0].Versions, functions[0].Aliases, functions[0].ReservedConcurrency = []simulator.Version{{Number: "4"}}, map[string]string{"live": "4"}, new(7)
	sim, c := start(t, simulator.Config{Functions: functions})
	ctx := context.Background()
	seen, marker, pages := 0, (*string)(nil), 0
	for {
		page, err := c.ListFunctions(ctx, listInput(marker))
		if err != nil {
			t.Fatal(err)
		}
		seen, pages = seen+len(page.Functions), pages+1
		if marker = page.NextMarker; marker == nil {
			break
		}
	}
	if seen != 60 || pages != 2 {
		t.Errorf("ListFunctions: %d functions on %d pages, want 60 on 2", seen, pages)
	}
	f, err := c.GetFunction(ctx, getInput("shard-a0", "live"))
	if err != nil {
		t.Fatal(err)
	}
	cfg := f.Configuration
	if *cfg.FunctionName != "shard-a0" || *cfg.Version != "4" || *cfg.MemorySize != 256 || *cfg.Timeout != 2 || cfg.State != types.StateActive ||
		*cfg.FunctionArn != "arn:aws:lambda:us-east-1:000000000000:function:shard-a0:live" || *f.Concurrency.ReservedConcurrentExecutions != 7 {
		got, _ := json.Marshal(f)
		t.Errorf("GetFunction: %s", got)
	}
	conf, err := c.GetFunctionConfiguration(ctx, configurationInput("shard-a1"))
	if err != nil || *conf.Handler != "echo" || conf.Runtime != types.RuntimeProvidedal2023 || *conf.EphemeralStorage.Size != 512 {
		t.Errorf("GetFunctionConfiguration: %+v, %v", conf, err)
	}
	var none *types.ResourceNotFoundException
	if _, err := c.GetFunction(ctx, getInput("none", "")); !errors.As(err, &none) {
		t.Errorf("GetFunction of none: %v", err)
	}
	for _, query := range []string{"MaxItems=0", "MaxItems=x", "Marker=none"} {
		if r := wire(t, "GET", sim.Endpoint()+"/2015-03-31/functions/?"+query, nil); r.status != 400 {
			t.Errorf("ListFunctions?%s: status %d, want 400", query, r.status)
		}
	}
}
