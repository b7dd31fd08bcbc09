//go:build unix

package simulator_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/shardwise/shardwise/simulator"
)

func listInput(marker *string) *awslambda.ListFunctionsInput {
	return &awslambda.ListFunctionsInput{Marker: marker}
}

func getInput(name, qualifier string) *awslambda.GetFunctionInput {
	in := &awslambda.GetFunctionInput{FunctionName: &name}
	if qualifier != "" {
		in.Qualifier = &qualifier
	}
	return in
}

func configurationInput(name string) *awslambda.GetFunctionConfigurationInput {
	return &awslambda.GetFunctionConfigurationInput{FunctionName: &name}
}

// tail invokes with LogType Tail and returns the log.
func tail(t *testing.T, c *awslambda.Client, name, event string) (string, *awslambda.InvokeOutput) {
	t.Helper()
	out, err := c.Invoke(context.Background(), &awslambda.InvokeInput{FunctionName: &name, Payload: []byte(event), LogType: types.LogTypeTail})
	if err != nil {
		t.Fatal(err)
	}
	if out.LogResult == nil {
		t.Fatal("no log result")
	}
	text, err := base64.StdEncoding.DecodeString(*out.LogResult)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), out
}

func TestTheLogTailHoldsStartTheFunctionsLinesEndAndReport(t *testing.T) {
	t.Parallel()
	_, c := start(t, simulator.Config{Functions: []simulator.Function{fn(t, "f", "script")}})
	const report = "REPORT RequestId: %s\tDuration: \\d+\\.\\d\\d ms\tBilled Duration: \\d+ ms\tMemory Size: 128 MB\tMax Memory Used: [1-9]\\d* MB\t"
	for i, cold := range []string{"Init Duration: \\d+\\.\\d\\d ms\t", ""} {
		text, out := tail(t, c, "f", `{"Do":"log","Arg":"one\ntwo\n"}`)
		id := requestID(out)
		pattern := fmt.Sprintf("^START RequestId: %s Version: \\$LATEST\none\ntwo\nEND RequestId: %s\n"+report+"%s\n$", id, id, id, cold)
		if !regexp.MustCompile(pattern).MatchString(text) {
			t.Errorf("invocation %d:\n%q\ndoes not match\n%q", i, text, pattern)
		}
	}
	text, _ := tail(t, c, "f", `{"Do":"log","Arg":"no line feed"}`)
	if !strings.Contains(text, "no line feed") || strings.Contains(text, "two") {
		t.Errorf("an open line, or one of another invocation: %q", text)
	}
	text, _ = tail(t, c, "f", fmt.Sprintf(`{"Do":"log","Arg":"%s"}`, strings.Repeat("0123456789abcde\\n", 1000)))
	if len(text) != 4096 || strings.Contains(text, "START") || !strings.HasSuffix(text, "\t\n") {
		t.Errorf("a long log's tail has %d bytes, want the last 4096: %.40q ... %q", len(text), text, text[len(text)-40:])
	}
	if out := invoke(t, c, "f", command{}); out.LogResult != nil {
		t.Error("a log that was not asked for")
	}
	text, _ = tail(t, c, "f", `{"Do":"exit","Arg":"4"}`)
	if !strings.Contains(text, "Status: error\tError Type: Runtime.ExitError") || !strings.HasSuffix(text, "Error: Runtime exited with error: exit status 4\nRuntime.ExitError\n") {
		t.Errorf("log of an exit: %q", text)
	}
}

func TestBilledDurationIsRoundedUpAndHoldsInit(t *testing.T) {
	t.Parallel()
	f := fn(t, "f", "script")
	f.Timeout = time.Second
	_, c := start(t, simulator.Config{Functions: []simulator.Function{f}})
	numbers := regexp.MustCompile(`Duration: ([\d.]+) ms\tBilled Duration: (\d+) ms.*?(?:Init Duration: ([\d.]+) ms)?\t\n$`)
	for range 3 {
		text, _ := tail(t, c, "f", `{}`)
		m := numbers.FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("no figures in %q", text)
		}
		var duration, billed, init float64
		for i, v := range []*float64{&duration, &billed, &init} {
			if m[i+1] != "" {
				if _, err := fmt.Sscan(m[i+1], v); err != nil {
					t.Fatal(err)
				}
			}
		}
		// The printed figures are rounded to 0.01 ms, hence the margin.
		if billed < duration+init-0.011 || billed >= duration+init+1.011 {
			t.Errorf("duration %v + init %v billed as %v", duration, init, billed)
		}
	}
	text, _ := tail(t, c, "f", `{"Do":"sleep","Arg":"1h"}`)
	if !strings.Contains(text, "\tDuration: 1000.00 ms\tBilled Duration: 1000 ms\t") || !strings.Contains(text, "Status: timeout") {
		t.Errorf("log of a timeout: %q", text)
	}
}

func TestTheLogReceivesEachLineOfEachEnvironment(t *testing.T) {
	t.Parallel()
	var log logBook
	_, c := start(t, simulator.Config{Log: log.add, Functions: []simulator.Function{fn(t, "f", "script")}})
	out := invoke(t, c, "f", command{Do: "log", Arg: "a\nb"})
	id := requestID(out)
	log.mu.Lock()
	defer log.mu.Unlock()
	var texts []string
	for _, l := range log.lines {
		texts = append(texts, l.Text)
		if l.Function != "f" || l.Version != "$LATEST" || l.RequestID != id || l.Time.IsZero() ||
			!regexp.MustCompile(`^\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}$`).MatchString(l.Stream) {
			t.Errorf("line %+v", l)
		}
	}
	if len(texts) != 5 || texts[1] != "a" || texts[2] != "b" || !strings.HasPrefix(texts[4], "REPORT ") {
		t.Errorf("lines %q", texts)
	}
}

func TestLogToPrefixesEachLine(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	simulator.LogTo(&b)(simulator.LogLine{Function: "f", Version: "1", Stream: "2026/11/23/[1]0123456789abcdef", Text: "hello"})
	if b.String() != "f:1 89abcdef hello\n" {
		t.Errorf("%q", b.String())
	}
}

func TestAFunctionThatFloodsItsLogStillTimesOut(t *testing.T) {
	t.Parallel()
	f := fn(t, "f", "script")
	f.Timeout = 300 * time.Millisecond
	lines := 0
	_, c := start(t, simulator.Config{Log: func(simulator.LogLine) { lines++ }, Functions: []simulator.Function{f}})
	out := invoke(t, c, "f", command{Do: "flood"})
	if !strings.Contains(string(out.Payload), "Sandbox.Timedout") {
		t.Errorf("got %s", out.Payload)
	}
}
