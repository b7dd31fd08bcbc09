//go:build unix

package simulator_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/shardwise/shardwise/simulator"
)

func TestAConfigurationCanBeChangedUnderRunningInvocations(t *testing.T) {
	t.Parallel()
	f := fn(t, "f", "script")
	f.Versions = []simulator.Version{{Number: "1"}}
	_, c := start(t, simulator.Config{Functions: []simulator.Function{f}})
	ctx, mark := context.Background(), filepath.Join(t.TempDir(), "mark")
	before := pidOf(t, c, "f")
	done := make(chan []byte)
	go func() { done <- invoke(t, c, "f", command{Do: "wait", Arg: mark}).Payload }()
	eventually(t, "the invocation to begin", func() bool { return size(mark+".begun") > 0 })
	variables := map[string]string{"MODEL": "new", "GORACE": "atexit_sleep_ms=0"}
	out, err := c.UpdateFunctionConfiguration(ctx, &awslambda.UpdateFunctionConfigurationInput{FunctionName: ptr("f"), MemorySize: ptr[int32](640),
		Timeout: ptr[int32](7), Environment: &types.Environment{Variables: variables}})
	if err != nil {
		t.Fatal(err)
	}
	read, err := c.GetFunctionConfiguration(ctx, configurationInput("f"))
	if err != nil || *out.MemorySize != 640 || *read.MemorySize != 640 || *read.Timeout != 7 || read.Environment.Variables["MODEL"] != "new" ||
		*read.Handler != "script" || read.LastUpdateStatus != types.LastUpdateStatusSuccessful {
		t.Errorf("changed to %+v, %v", read, err)
	}
	if after := pidOf(t, c, "f"); after == before {
		t.Error("an environment of the old configuration was used again")
	}
	environ := string(ok(t, c, "f", command{Do: "environ"}))
	if !strings.Contains(environ, `"MODEL=new"`) || !strings.Contains(environ, `"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=640"`) {
		t.Errorf("the function sees %s", environ)
	}
	if old := string(ok(t, c, "f:1", command{Do: "environ"})); strings.Contains(old, "MODEL") || !strings.Contains(old, "MEMORY_SIZE=128") {
		t.Errorf("a published version changed: %s", old)
	}
	ok(t, c, "f", command{Do: "create", Arg: mark})
	if got := string(<-done); got == "" || !alive(pidOf(t, c, "f")) {
		t.Errorf("the invocation that ran meanwhile answered %q", got)
	}
	eventually(t, "the old process to end", func() bool { return !alive(before) })
}

func TestAChangeThatCannotBeAppliedIsRefusedAndChangesNothing(t *testing.T) {
	t.Parallel()
	f := fn(t, "f", "script")
	f.Versions = []simulator.Version{{Number: "1"}}
	sim, _ := start(t, simulator.Config{Functions: []simulator.Function{f}})
	for _, tc := range []struct {
		name, body string
		status     int
	}{
		{"f", `{"MemorySize":1}`, 400}, {"f", `{"Timeout":901}`, 400}, {"f", `{"Timeout":-9223372036854775807}`, 400},
		{"f", `{"Environment":{"Variables":{"_HANDLER":"x"}}}`, 400}, {"f", `{"Handler":""}`, 400},
		{"f", `{"Layers":["x"]}`, 400}, {"f", `{`, 400}, {"f", `{}{}`, 400}, {"f", ``, 400}, {"f:1", `{}`, 400}, {"none", `{}`, 404}, {"f", `{}`, 200},
		{"f", `{"Handler":"` + strings.Repeat("x", 1<<20) + `"}`, 400},
	} {
		if r := wire(t, "PUT", sim.Endpoint()+"/2015-03-31/functions/"+tc.name+"/configuration", strings.NewReader(tc.body)); r.status != tc.status {
			t.Errorf("%s %.60s: status %d, want %d: %s", tc.name, tc.body, r.status, tc.status, r.body)
		}
	}
	r := wire(t, "GET", sim.Endpoint()+"/2015-03-31/functions/f/configuration", nil)
	if !strings.Contains(r.body, `"MemorySize":128`) || !strings.Contains(r.body, `"Timeout":10`) || !strings.Contains(r.body, `"Handler":"script"`) {
		t.Errorf("after refused changes: %s", r.body)
	}
}

func TestReservedConcurrencyCanBePutReadAndTakenAway(t *testing.T) {
	t.Parallel()
	f := fn(t, "f", "script")
	f.Timeout = 2 * time.Second
	_, c := start(t, simulator.Config{MaxConcurrency: 3, Functions: []simulator.Function{f, fn(t, "other", "script")}})
	ctx, name := context.Background(), ptr("f")
	reserved := func() *int32 {
		out, err := c.GetFunctionConcurrency(ctx, &awslambda.GetFunctionConcurrencyInput{FunctionName: name})
		if err != nil {
			t.Fatal(err)
		}
		return out.ReservedConcurrentExecutions
	}
	if got := reserved(); got != nil {
		t.Errorf("%d reserved at first", *got)
	}
	throttledWith := func(function string, want types.ThrottleReason) {
		t.Helper()
		var throttle *types.TooManyRequestsException
		if _, err := c.Invoke(ctx, input(function, nil)); !errors.As(err, &throttle) || throttle.Reason != want {
			t.Errorf("%s: %v, want a throttle for %s", function, err, want)
		}
	}
	hold(t, c, filepath.Join(t.TempDir(), "mark"))
	for _, n := range []int32{1, 3} {
		out, err := c.PutFunctionConcurrency(ctx, &awslambda.PutFunctionConcurrencyInput{FunctionName: name, ReservedConcurrentExecutions: &n})
		if err != nil || *out.ReservedConcurrentExecutions != n || *reserved() != n {
			t.Fatalf("put %d: %v", n, err)
		}
		if n == 1 { // the invocation that runs counts
			throttledWith("f", types.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded)
			ok(t, c, "other", command{})
		} else {
			throttledWith("other", types.ThrottleReasonConcurrentInvocationLimitExceeded)
		}
	}
	if _, err := c.PutFunctionConcurrency(ctx, &awslambda.PutFunctionConcurrencyInput{FunctionName: name, ReservedConcurrentExecutions: ptr[int32](4)}); err == nil || *reserved() != 3 {
		t.Errorf("more than the account has: %v", err)
	}
	if _, err := c.DeleteFunctionConcurrency(ctx, &awslambda.DeleteFunctionConcurrencyInput{FunctionName: name}); err != nil || reserved() != nil {
		t.Errorf("delete: %v", err)
	}
	ok(t, c, "other", command{})
	for range 3 { // nothing of the three is lost, whatever ended meanwhile
		ok(t, c, "other", command{})
	}
}

func TestAliasesAndVersionsCanBeListed(t *testing.T) {
	t.Parallel()
	f := fn(t, "f", "echo")
	f.Versions = []simulator.Version{{Number: "1"}, {Number: "2"}}
	f.Aliases = map[string]string{"live": "2", "old": "1", "head": "$LATEST"}
	_, c := start(t, simulator.Config{Functions: []simulator.Function{f}})
	ctx, name := context.Background(), ptr("f")
	aliases, err := c.ListAliases(ctx, &awslambda.ListAliasesInput{FunctionName: name})
	if err != nil || len(aliases.Aliases) != 3 || *aliases.Aliases[1].Name != "live" || *aliases.Aliases[1].FunctionVersion != "2" ||
		*aliases.Aliases[1].AliasArn != "arn:aws:lambda:us-east-1:000000000000:function:f:live" {
		t.Errorf("ListAliases: %+v, %v", aliases, err)
	}
	if only, err := c.ListAliases(ctx, &awslambda.ListAliasesInput{FunctionName: name, FunctionVersion: ptr("1")}); err != nil || len(only.Aliases) != 1 || *only.Aliases[0].Name != "old" {
		t.Errorf("ListAliases of version 1: %+v, %v", only, err)
	}
	if alias, err := c.GetAlias(ctx, &awslambda.GetAliasInput{FunctionName: name, Name: ptr("head")}); err != nil || *alias.FunctionVersion != "$LATEST" {
		t.Errorf("GetAlias: %+v, %v", alias, err)
	}
	var none *types.ResourceNotFoundException
	if _, err := c.GetAlias(ctx, &awslambda.GetAliasInput{FunctionName: name, Name: ptr("none")}); !errors.As(err, &none) {
		t.Errorf("GetAlias of none: %v", err)
	}
	var numbers []string
	pages := awslambda.NewListVersionsByFunctionPaginator(c, &awslambda.ListVersionsByFunctionInput{FunctionName: name, MaxItems: ptr[int32](2)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range page.Versions {
			numbers = append(numbers, *v.Version)
		}
	}
	if got := strings.Join(numbers, " "); got != "$LATEST 1 2" {
		t.Errorf("ListVersionsByFunction: %s", got)
	}
	if _, err := c.ListVersionsByFunction(ctx, &awslambda.ListVersionsByFunctionInput{FunctionName: ptr("none")}); !errors.As(err, &none) {
		t.Errorf("ListVersionsByFunction of none: %v", err)
	}
}
