package cli

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/coordinator/awslambda"
)

// awaitFacts waits until simulate has printed its document.
func awaitFacts(t *testing.T, out *buffer, ended <-chan int) simulateFacts {
	t.Helper()
	var f simulateFacts
	for {
		if json.Unmarshal([]byte(out.String()), &f) == nil {
			return f
		}
		select {
		case status := <-ended:
			t.Fatalf("simulate ended with status %d before it was ready", status)
		case <-time.After(time.Millisecond):
		}
	}
}

func TestSimulateServesUntilInterrupted(t *testing.T) {
	dir := splitExample(t, "diabetes-xgboost", "model.ubj", 2)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var out, errs buffer
	a := testApp(t, &out, &errs)
	ended := make(chan int, 1)
	go func() { ended <- a.Run(ctx, []string{"simulate", dir, "--json"}) }()
	f := awaitFacts(t, &out, ended)

	client, err := awslambda.New(awslambda.Options{Region: f.Region, Endpoint: f.Endpoint, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	payload := `{"inputs":[{"name":"features","shape":[1,10],"datatype":"FP32","data":[59,2,32.1,null,157,93.2,null,4,4.8598,87]}],"outputs":[{"name":"prediction"}]}`
	r, err := client.Invoke(ctx, coordinator.Target{Function: f.Coordinator, Qualifier: f.Aliases[0]}, []byte(payload))
	if err != nil || r.FunctionError != "" {
		t.Fatalf("invoke the coordinator: %v %s %s", err, r.FunctionError, r.Body)
	}
	want := strings.Split(readLines(t, examplePath("diabetes-xgboost", "expected.csv"))[1], ",")[0]
	if !strings.Contains(string(r.Body), `"data":[`+want+`]`) {
		t.Errorf("the coordinator answers %s, wanted the prediction %s", r.Body, want)
	}
	interrupt()
	if status := <-ended; status != StatusOK {
		t.Errorf("an interrupted simulation ended with status %d:\n%s", status, errs.String())
	}
	if !strings.Contains(errs.String(), "REPORT RequestId:") {
		t.Errorf("the functions' log lines are missing:\n%s", errs.String())
	}
	if _, err := client.Invoke(t.Context(), coordinator.Target{Function: f.Coordinator}, []byte(payload)); err == nil {
		t.Error("the endpoint still answers after the end")
	}
}

func TestSimulateSaysHowToCallIt(t *testing.T) {
	dir := splitExample(t, "diabetes-xgboost", "model.ubj", 2)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var out, errs buffer
	a := testApp(t, &out, &errs)
	ended := make(chan int, 1)
	go func() { ended <- a.Run(ctx, []string{"simulate", dir, "--quiet"}) }()
	for !strings.Contains(out.String(), "interrupt to stop") {
		select {
		case status := <-ended:
			t.Fatalf("simulate ended with status %d:\n%s", status, errs.String())
		case <-time.After(time.Millisecond):
		}
	}
	interrupt()
	<-ended
	for _, want := range []string{"aws lambda invoke", "AWS_ENDPOINT_URL=http://127.0.0.1:", "diabetes-xgboost-coordinator", `"datatype":"FP32"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("simulate does not print %q:\n%s", want, out.String())
		}
	}
}

func TestInterruptedPredictStopsEverything(t *testing.T) {
	dir := splitExample(t, "diabetes-xgboost", "model.ubj", 2)
	ctx, interrupt := context.WithCancel(t.Context())
	var out, errs buffer
	a := testApp(t, &out, &errs) // checks that the temporary folder is empty in the end
	a.Stderr = interruptAt{&errs, "predicting", interrupt}
	status := a.Run(ctx, []string{"predict", dir, "--input", examplePath("diabetes-xgboost", "input.csv")})
	if status != StatusInterrupted || !strings.Contains(errs.String(), "interrupted") {
		t.Errorf("status %d, wanted %d:\n%s", status, StatusInterrupted, errs.String())
	}
	if out.String() != "" {
		t.Errorf("an interrupted run printed %q", out.String())
	}
}

// interruptAt passes on what is written and interrupts when a word appears.
type interruptAt struct {
	*buffer
	word      string
	interrupt func()
}

func (i interruptAt) Write(p []byte) (int, error) {
	if strings.Contains(string(p), i.word) {
		i.interrupt()
	}
	return i.buffer.Write(p)
}
