//go:build unix

package simulator_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/bits"
	"strings"
	"testing"
	"time"

	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/shardwise/shardwise/simulator"
	"github.com/shardwise/shardwise/simulator/faults"
)

// struck starts a simulator of an echo function whose invocations meet one rule.
func struck(t *testing.T, rule faults.Rule) (*simulator.Simulator, *awslambda.Client) {
	t.Helper()
	f := fn(t, "f", "echo")
	f.Timeout = 700 * time.Millisecond
	return start(t, simulator.Config{Functions: []simulator.Function{f}, Seed: 1, Faults: &faults.Plan{Rules: []faults.Rule{rule}}})
}

func TestFaultsLookAsTheyWouldOnLambda(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		rule       faults.Rule
		want       string // of the second invocation; ID stands for its request id
		least, max time.Duration
	}{
		{faults.Rule{Fault: faults.Kill}, `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ID Error: Runtime exited with error: signal: killed"}`, 0, 5 * time.Second},
		{faults.Rule{Fault: faults.Hang}, `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ID Error: Task timed out after 0.70 seconds"}`, 700 * time.Millisecond, 5 * time.Second},
		{faults.Rule{Fault: faults.Timeout}, `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ID Error: Task timed out after 0.70 seconds"}`, 0, 600 * time.Millisecond},
		{faults.Rule{Fault: faults.Timeout, DelayMS: 100}, `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ID Error: Task timed out after 0.70 seconds"}`, 100 * time.Millisecond, 600 * time.Millisecond},
		{faults.Rule{Fault: faults.Slow, DelayMS: 2000}, `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ID Error: Task timed out after 0.70 seconds"}`, 700 * time.Millisecond, 1900 * time.Millisecond},
		{faults.Rule{Fault: faults.Oversize}, `{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}`, 0, 5 * time.Second},
	} {
		t.Run(fmt.Sprintf("%s/delay=%d", tc.rule.Fault, tc.rule.DelayMS), func(t *testing.T) {
			t.Parallel()
			tc.rule.After, tc.rule.First = 1, 1
			sim, c := struck(t, tc.rule)
			ok(t, c, "f", 1)
			begin := time.Now()
			out := invoke(t, c, "f", 2)
			took := time.Since(begin)
			if want := strings.Replace(tc.want, "ID", requestID(out), 1); out.FunctionError == nil || string(out.Payload) != want {
				t.Errorf("got %s\nwant %s", out.Payload, want)
			}
			if took < tc.least || took > tc.max {
				t.Errorf("it took %v, want %v to %v", took, tc.least, tc.max)
			}
			if got := string(ok(t, c, "f", 3)); got != "3" {
				t.Errorf("the invocation after it answers %s", got)
			}
			if got := sim.Faults(); len(got) != 1 || got[0].Seen != 3 || got[0].Fired != 1 {
				t.Errorf("counts %+v", got)
			}
		})
	}
}

func TestASlowInvocationIsLateAndRight(t *testing.T) {
	t.Parallel()
	_, c := struck(t, faults.Rule{Fault: faults.Slow, DelayMS: 200})
	begin := time.Now()
	if got := string(ok(t, c, "f", 7)); got != "7" || time.Since(begin) < 200*time.Millisecond {
		t.Errorf("%s after %v, want 7 after 200 ms", got, time.Since(begin))
	}
}

func TestAThrottleOnDemandIsRefusedBeforeTheFunctionRuns(t *testing.T) {
	t.Parallel()
	_, c := struck(t, faults.Rule{Fault: faults.Throttle, First: 1})
	_, err := c.Invoke(context.Background(), input("f", nil))
	var throttle *types.TooManyRequestsException
	if !errors.As(err, &throttle) || throttle.Reason != types.ThrottleReasonConcurrentInvocationLimitExceeded {
		t.Errorf("got %v, want a throttle", err)
	}
	ok(t, c, "f", 1)
}

func TestACorruptReplyDiffersInItsBitsAndInNothingElse(t *testing.T) {
	t.Parallel()
	_, c := struck(t, faults.Rule{Fault: faults.Corrupt, Bits: 5})
	sent := []byte(`"` + strings.Repeat("x", 1000) + `"`)
	differ := func(got []byte) {
		t.Helper()
		n := 0
		for i := range min(len(got), len(sent)) {
			n += bits.OnesCount8(got[i] ^ sent[i])
		}
		if len(got) != len(sent) || n != 5 {
			t.Errorf("%d bytes that differ in %d bits, want %d and 5", len(got), n, len(sent))
		}
	}
	out, err := c.Invoke(context.Background(), input("f", sent))
	if err != nil || out.FunctionError != nil {
		t.Fatal(err, out)
	}
	differ(out.Payload)
	stream, err := c.InvokeWithResponseStream(context.Background(), &awslambda.InvokeWithResponseStreamInput{FunctionName: new("f"), Payload: sent})
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	for e := range stream.GetStream().Events() {
		if chunk, ok := e.(*types.InvokeWithResponseStreamResponseEventMemberPayloadChunk); ok {
			got.Write(chunk.Value.Payload)
		}
	}
	if err := stream.GetStream().Close(); err != nil {
		t.Fatal(err)
	}
	differ(got.Bytes())
}

func TestAStruckEventIsRetried(t *testing.T) {
	t.Parallel()
	f, lines := recorder(t, "f", "0")
	sim, c := start(t, simulator.Config{Functions: []simulator.Function{f}, EventDelay: 50 * time.Millisecond,
		Faults: &faults.Plan{Rules: []faults.Rule{{Fault: faults.Kill, First: 1}, {Fault: faults.Throttle, After: 1, First: 1}}}})
	send(t, c, "f", "5")
	eventually(t, "the third attempt", func() bool { return sim.Faults()[0].Seen == 3 })
	eventually(t, "its record", func() bool { return len(lines()) == 1 })
}

func TestValidateChecksWhatIsOnDemand(t *testing.T) {
	t.Parallel()
	f := fn(t, "f", "echo")
	f.Provisioned = map[string]int{"$LATEST": 1, "7": -1}
	err := simulator.Config{Functions: []simulator.Function{f}, Faults: &faults.Plan{Rules: []faults.Rule{{Fault: "crash", Function: "g"}}}}.Validate()
	for _, want := range []string{`fault "crash"`, `no function is called "g"`, `"$LATEST": want a published version`, `concurrency -1 of "7"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}
