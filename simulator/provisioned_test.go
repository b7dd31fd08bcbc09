//go:build unix

package simulator_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/shardwise/shardwise/simulator"
)

// published is a function with version 1 under the alias live, and version 2.
func published(t *testing.T, handler string) simulator.Function {
	t.Helper()
	f := fn(t, "f", handler)
	f.Versions, f.Aliases = []simulator.Version{{Number: "1"}, {Number: "2"}}, map[string]string{"live": "1", "next": "$LATEST"}
	return f
}

// status asks for a provisioned concurrency.
func status(t *testing.T, c *awslambda.Client, qualifier string) *awslambda.GetProvisionedConcurrencyConfigOutput {
	t.Helper()
	out, err := c.GetProvisionedConcurrencyConfig(context.Background(), &awslambda.GetProvisionedConcurrencyConfigInput{FunctionName: new("f"), Qualifier: &qualifier})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func awaitReady(t *testing.T, c *awslambda.Client, qualifier string, n int32) {
	t.Helper()
	eventually(t, "provisioned concurrency of "+qualifier, func() bool {
		st := status(t, c, qualifier)
		return st.Status == types.ProvisionedConcurrencyStatusEnumReady && *st.AvailableProvisionedConcurrentExecutions == n && *st.AllocatedProvisionedConcurrentExecutions == n
	})
}

func TestProvisionedEnvironmentsAreWarmBeforeTheirFirstInvocation(t *testing.T) {
	t.Parallel()
	f := published(t, "script")
	f.Provisioned = map[string]int{"live": 1}
	_, c := start(t, simulator.Config{Functions: []simulator.Function{f}})
	awaitReady(t, c, "live", 1)
	log, out := tail(t, c, "f:live", `{"Do":"environ"}`)
	if out.FunctionError != nil || !strings.Contains(string(out.Payload), "AWS_LAMBDA_INITIALIZATION_TYPE=provisioned-concurrency") {
		t.Errorf("environment: %s", out.Payload)
	}
	if !strings.Contains(log, "REPORT") || strings.Contains(log, "Init Duration") {
		t.Errorf("the first invocation was a cold start: %s", log)
	}
	log, out = tail(t, c, "f:2", `{"Do":"environ"}`)
	if !strings.Contains(string(out.Payload), "AWS_LAMBDA_INITIALIZATION_TYPE=on-demand") || !strings.Contains(log, "Init Duration") {
		t.Errorf("another version was started ahead as well: %s", log)
	}
}

func TestInvocationsBeyondTheProvisionedSpillOverToOnDemand(t *testing.T) {
	t.Parallel()
	f := published(t, "script")
	f.ReservedConcurrency, f.Provisioned = new(2), map[string]int{"1": 1}
	_, c := start(t, simulator.Config{Functions: []simulator.Function{f}})
	awaitReady(t, c, "1", 1)
	mark := filepath.Join(t.TempDir(), "mark")
	waiting := make(chan string, 1)
	go func() {
		out, err := c.Invoke(context.Background(), input("f:live", []byte(`{"Do":"wait","Arg":"`+mark+`"}`))) // whichever qualifier leads to the version
		if err != nil {
			waiting <- err.Error()
			return
		}
		waiting <- string(out.Payload)
	}()
	eventually(t, "the provisioned environment to be busy", func() bool {
		_, err := os.Stat(mark + ".begun")
		return err == nil
	})
	log, out := tail(t, c, "f:live", `{"Do":"environ"}`)
	if !strings.Contains(string(out.Payload), "=on-demand") || !strings.Contains(log, "Init Duration") {
		t.Errorf("the second invocation: %s, log %s", out.Payload, log)
	}
	go func() {
		_, _ = c.Invoke(context.Background(), input("f:live", []byte(`{"Do":"wait","Arg":"`+mark+`2"}`)))
	}()
	eventually(t, "the on-demand environment to be busy", func() bool {
		_, err := os.Stat(mark + "2.begun")
		return err == nil
	})
	var throttle *types.TooManyRequestsException
	if _, err := c.Invoke(context.Background(), input("f:live", nil)); !errors.As(err, &throttle) {
		t.Errorf("a third of two reserved: %v", err)
	}
	for _, path := range []string{mark, mark + "2"} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	<-waiting
}

func TestAProvisionedEnvironmentThatLosesItsProcessGetsAnother(t *testing.T) {
	t.Parallel()
	f := published(t, "script")
	f.Provisioned = map[string]int{"live": 1}
	_, c := start(t, simulator.Config{Functions: []simulator.Function{f}})
	awaitReady(t, c, "live", 1)
	before := pidOf(t, c, "f:live")
	if out := invoke(t, c, "f:live", command{Do: "exit", Arg: "3"}); out.FunctionError == nil {
		t.Fatal("the process did not exit")
	}
	awaitReady(t, c, "live", 1)
	log, out := tail(t, c, "f:live", `{}`)
	if string(out.Payload) == "" || strings.Contains(log, "Init Duration") || alive(before) {
		t.Errorf("answer %s, log %s", out.Payload, log)
	}
}

func TestAFailedINITFailsTheProvision(t *testing.T) {
	t.Parallel()
	f := published(t, "init-exit")
	f.Provisioned = map[string]int{"live": 2}
	_, c := start(t, simulator.Config{Functions: []simulator.Function{f}})
	eventually(t, "the failure", func() bool {
		st := status(t, c, "live")
		return st.Status == types.ProvisionedConcurrencyStatusEnumFailed && strings.Contains(aws.ToString(st.StatusReason), "exit status 9")
	})
}

func TestProvisionedConcurrencyCanBePutListedAndDeleted(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	f := published(t, "script")
	_, c := start(t, simulator.Config{MaxConcurrency: 5, Functions: []simulator.Function{f}})
	put := func(qualifier string, n int32) (*awslambda.PutProvisionedConcurrencyConfigOutput, error) {
		return c.PutProvisionedConcurrencyConfig(ctx, &awslambda.PutProvisionedConcurrencyConfigInput{FunctionName: new("f"), Qualifier: &qualifier, ProvisionedConcurrentExecutions: &n})
	}
	if out, err := put("live", 2); err != nil || *out.RequestedProvisionedConcurrentExecutions != 2 || out.LastModified == nil {
		t.Fatalf("%+v, %v", out, err)
	}
	if _, err := put("2", 1); err != nil {
		t.Fatal(err)
	}
	awaitReady(t, c, "live", 2)
	list, err := c.ListProvisionedConcurrencyConfigs(ctx, &awslambda.ListProvisionedConcurrencyConfigsInput{FunctionName: new("f")})
	if err != nil {
		t.Fatal(err)
	}
	var arns []string
	for _, item := range list.ProvisionedConcurrencyConfigs {
		arns = append(arns, *item.FunctionArn)
	}
	prefix := "arn:aws:lambda:us-east-1:000000000000:function:f:"
	if !slices.Equal(arns, []string{prefix + "2", prefix + "live"}) {
		t.Errorf("list %v", arns)
	}
	for qualifier, n := range map[string]int32{"$LATEST": 1, "next": 1, "1": 1, "live": 5} {
		var invalid *types.InvalidParameterValueException
		if _, err := put(qualifier, n); !errors.As(err, &invalid) {
			t.Errorf("put %d under %s: %v, want InvalidParameterValueException", n, qualifier, err)
		}
	}
	if _, err := put("live", 0); err == nil {
		t.Error("a provision of nothing was accepted")
	}
	pid := pidOf(t, c, "f:live")
	if _, err := c.DeleteProvisionedConcurrencyConfig(ctx, &awslambda.DeleteProvisionedConcurrencyConfigInput{FunctionName: new("f"), Qualifier: new("live")}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the provisioned process to end", func() bool { return !alive(pid) })
	var none *types.ProvisionedConcurrencyConfigNotFoundException
	if _, err := c.GetProvisionedConcurrencyConfig(ctx, &awslambda.GetProvisionedConcurrencyConfigInput{FunctionName: new("f"), Qualifier: new("live")}); !errors.As(err, &none) {
		t.Errorf("after the delete: %v", err)
	}
	if _, err := put("1", 4); err != nil {
		t.Errorf("what was deleted is not free again: %v", err)
	}
}

func TestWhatIsProvisionedIsNotForOthers(t *testing.T) {
	t.Parallel()
	f := published(t, "script")
	f.Provisioned = map[string]int{"live": 1}
	_, c := start(t, simulator.Config{MaxConcurrency: 1, Functions: []simulator.Function{f, fn(t, "other", "echo")}})
	awaitReady(t, c, "live", 1)
	var throttle *types.TooManyRequestsException
	if _, err := c.Invoke(context.Background(), input("other", []byte("1"))); !errors.As(err, &throttle) {
		t.Errorf("another function: %v, want a throttle", err)
	}
	ok(t, c, "f:live", command{})
}

func TestCloseEndsEnvironmentsThatAreBeingStartedAhead(t *testing.T) {
	t.Parallel()
	f := published(t, "init-hang")
	f.Provisioned = map[string]int{"live": 3}
	sim, _ := start(t, simulator.Config{Functions: []simulator.Function{f}})
	time.Sleep(50 * time.Millisecond)
	begin := time.Now()
	if err := sim.Close(); err != nil || time.Since(begin) > 5*time.Second {
		t.Errorf("Close: %v after %v", err, time.Since(begin))
	}
}
