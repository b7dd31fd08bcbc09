package batch_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"go.uber.org/goleak"

	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/simulator/states"
	"github.com/shardwise/shardwise/statemachine"
	"github.com/shardwise/shardwise/statemachine/batch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// functions answers every task with its input, after hold is closed.
type functions struct{ hold chan struct{} }

func (f functions) Invoke(ctx context.Context, r *states.LambdaRequest) (*states.LambdaResponse, error) {
	select {
	case <-f.hold:
		return &states.LambdaResponse{Status: http.StatusOK, Header: http.Header{}, Body: r.Payload}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// service is Step Functions whose next requests may fail.
type service struct {
	hold    chan struct{}
	failing atomic.Int64 // requests that fail from now on
	client  *batch.Client
}

func serve(t *testing.T) *service {
	t.Helper()
	s := &service{hold: make(chan struct{})}
	machines, err := states.New(states.Config{Lambda: functions{s.hold}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.failing.Add(-1) >= 0 {
			http.Error(w, `{"__type":"InternalFailure"}`, http.StatusInternalServerError)
			return
		}
		machines.ServeHTTP(w, r)
	}))
	s.client = batch.New(batch.Options{Region: "us-east-1", Endpoint: server.URL, Role: "arn:aws:iam::000000000000:role/x", Poll: 5 * time.Millisecond,
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")})
	t.Cleanup(func() {
		s.client.Close()
		server.Close()
		if err := machines.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// echo is a machine that calls one function.
func echo(function string) *statemachine.Machine {
	return &statemachine.Machine{StartAt: "a", States: map[string]*statemachine.State{"a": {Type: "Task", Resource: "arn:aws:states:::lambda:invoke",
		Parameters: map[string]any{"FunctionName": function, "Payload": map[string]any{"x": 1}}, End: true}}}
}

// running starts a batch that does not end before hold is closed.
func (s *service) running(t *testing.T, id string) string {
	t.Helper()
	machine, err := s.client.Machine(t.Context(), "m", echo("f"))
	if err != nil {
		t.Fatal(err)
	}
	execution, err := s.client.Start(t.Context(), machine, "run-"+id, statemachine.Job{ID: id})
	if err != nil {
		t.Fatal(err)
	}
	return execution
}

func TestADefinitionFindsItsMachineAgain(t *testing.T) {
	s := serve(t)
	var arns []string
	for _, function := range []string{"f", "f", "g"} {
		arn, err := s.client.Machine(t.Context(), "m", echo(function))
		if err != nil {
			t.Fatal(err)
		}
		arns = append(arns, arn)
	}
	if arns[0] != arns[1] || arns[0] == arns[2] || !strings.Contains(arns[0], ":stateMachine:m-batch-") {
		t.Errorf("found %v", arns)
	}
}

func TestWatchAsksAgainWhatFailsForAMoment(t *testing.T) {
	s := serve(t)
	execution := s.running(t, "one")
	looks := 0
	status, err := s.client.Watch(t.Context(), execution, func(*batch.Status) {
		if looks++; looks == 2 {
			s.failing.Store(3) // the SDK's own attempts take them all
		}
		if looks == 3 {
			close(s.hold)
		}
	})
	if err != nil || status.Status != "SUCCEEDED" || status.Job.ID != "one" || looks < 3 || !status.Ended() {
		t.Errorf("found %+v, %v after %d looks", status, err, looks)
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	s := serve(t)
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := s.client.Watch(ctx, s.running(t, "one"), func(*batch.Status) { cancel() }); err == nil || ctx.Err() == nil {
		t.Errorf("found %v", err)
	}
}

// refused looks at an execution that cannot be looked at, and wants words that help and no words of the SDK's.
func refused(t *testing.T, s *service, arn string, kind shard.Kind, says ...string) {
	t.Helper()
	_, err := s.client.Look(t.Context(), arn)
	if shard.KindOf(err) != kind || strings.Contains(err.Error(), "StatusCode") || len(err.Error()) > 1000 {
		t.Errorf("%.80s: found %v", arn, err)
		return
	}
	for _, text := range says {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%.80s: wanted %q, found %v", arn, text, err)
		}
	}
}

func TestErrorsOfTheServiceAreTyped(t *testing.T) {
	s := serve(t)
	execution := s.running(t, "one")
	status, err := s.client.Look(t.Context(), execution)
	if err != nil || status.Status != "RUNNING" || status.Ended() {
		t.Fatalf("found %+v, %v", status, err)
	}
	refused(t, s, execution+"x", shard.NotFound, "there is no execution "+execution+"x in us-east-1, at http://127.0.0.1:", "list-executions --state-machine-arn "+status.Machine)
	for _, arn := range []string{"nonsense", "", status.Machine, strings.Replace(execution, ":execution:", ":express:", 1), execution + ":more", strings.Repeat("x", 5000)} {
		refused(t, s, arn, shard.BadInput, "arn:aws:states:REGION:ACCOUNT:execution:MACHINE:NAME")
	}
	if _, err := s.client.Redrive(t.Context(), status); shard.KindOf(err) != shard.BadInput || !strings.Contains(err.Error(), "under way") {
		t.Errorf("a redrive of what runs: found %v", err)
	}
	other, err := s.client.Start(t.Context(), status.Machine, "other", statemachine.Job{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.client.Look(t.Context(), other); shard.KindOf(err) != shard.BadInput || !strings.Contains(err.Error(), "no batch") {
		t.Errorf("an execution that is no batch: found %v", err)
	}
	if _, err := s.client.Needs(t.Context(), execution); err == nil || !strings.Contains(err.Error(), "Map") {
		t.Errorf("the needs of a machine that is no batch's: found %v", err)
	}
	if err := s.client.Stop(t.Context(), execution, "enough"); err != nil {
		t.Fatal(err)
	}
	if status, err = s.client.Look(t.Context(), execution); err != nil || status.Status != "ABORTED" || status.Cause != "enough" {
		t.Errorf("found %+v, %v", status, err)
	}
}

func TestSpeedAndTimeLeftFollowTheBlocks(t *testing.T) {
	began := time.Unix(1000, 0)
	s := &batch.Status{Status: "RUNNING", Started: began, Job: statemachine.Job{BlockRows: 100}}
	if _, ok := s.Left(began.Add(time.Second)); ok || s.RowsPerSecond(began) != 0 {
		t.Error("a batch without a block done has a speed")
	}
	s.Blocks = batch.Counts{Total: 10, Succeeded: 3, Failed: 1, Running: 2, Pending: 4}
	if left, ok := s.Left(began.Add(8 * time.Second)); !ok || left != 12*time.Second {
		t.Errorf("wanted 12 s, found %v", left)
	}
	if speed := s.RowsPerSecond(began.Add(6 * time.Second)); speed != 50 {
		t.Errorf("wanted 50 rows a second, found %v", speed)
	}
	s.Stopped = began.Add(10 * time.Second)
	if e := s.Elapsed(began.Add(time.Hour)); e != 10*time.Second {
		t.Errorf("found %v", e)
	}
}
