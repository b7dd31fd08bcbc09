package batch

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/statemachine"
	"github.com/shardwise/shardwise/statemachine/storage"
	"github.com/shardwise/shardwise/statemachine/tasks"
)

// Options say where Step Functions and S3 are. Region and Credentials are required.
type Options struct {
	Region   string
	Endpoint string // of both services; "" for AWS's own
	// StepsEndpoint and StoreEndpoint are Step Functions' and S3's own endpoints where they are not the same.
	StepsEndpoint, StoreEndpoint string
	Credentials                  aws.CredentialsProvider
	Role                         string        // ARN of the role that new state machines run as
	Poll                         time.Duration // between two looks at an execution; 0 for two seconds
}

// FromConfig are the Options of an AWS configuration, with the endpoints that its environment and files name: for one service
// (AWS_ENDPOINT_URL_SFN, AWS_ENDPOINT_URL_S3), or for all (AWS_ENDPOINT_URL).
func FromConfig(c aws.Config) Options {
	return Options{Region: c.Region, Credentials: c.Credentials,
		StepsEndpoint: aws.ToString(sfn.NewFromConfig(c).Options().BaseEndpoint), StoreEndpoint: aws.ToString(s3.NewFromConfig(c).Options().BaseEndpoint)}
}

// defaultPoll is gentle on the quota of describing calls, which other programs of the account share.
const defaultPoll = 2 * time.Second

// Client starts and follows batches.
type Client struct {
	steps *sfn.Client
	Store *storage.S3
	role  string
	poll  time.Duration
	web   *http.Client

	region, endpoint string // of Step Functions, for errors
}

// Close ends connections that wait for another call.
func (c *Client) Close() {
	c.web.CloseIdleConnections()
	c.Store.Close()
}

// New makes a Client. It talks to nobody yet.
func New(o Options) *Client {
	if o.Poll == 0 {
		o.Poll = defaultPoll
	}
	o.StepsEndpoint, o.StoreEndpoint = cmp.Or(o.StepsEndpoint, o.Endpoint), cmp.Or(o.StoreEndpoint, o.Endpoint)
	// A transport of the client's own, so that Close ends its connections and nobody else's.
	web := &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	return &Client{role: o.Role, poll: o.Poll, web: web, region: o.Region, endpoint: o.StepsEndpoint,
		Store: storage.New(storage.Options{Region: o.Region, Endpoint: o.StoreEndpoint, Credentials: o.Credentials}),
		steps: sfn.New(sfn.Options{Region: o.Region, Credentials: o.Credentials, HTTPClient: web}, func(so *sfn.Options) {
			if o.StepsEndpoint != "" {
				so.BaseEndpoint = aws.String(o.StepsEndpoint)
				so.APIOptions = append(so.APIOptions, plainHost)
			}
		})}
}

// plainHost keeps the SDK from putting a prefix before the host of an endpoint that was named: no such host has an address.
func plainHost(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("plainHost", func(ctx context.Context, in middleware.InitializeInput,
		next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		return next.HandleInitialize(smithyhttp.DisableEndpointHostPrefix(ctx, true), in)
	}), middleware.Before)
}

// failed types an error of the service.
func failed(op string, err error) error {
	if err == nil {
		return nil
	}
	kind := shard.Transport
	var status *smithyhttp.ResponseError
	var execution *types.ExecutionDoesNotExist
	var machine *types.StateMachineDoesNotExist
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		kind = shard.KindOf(err)
	case errors.As(err, &execution), errors.As(err, &machine):
		kind = shard.NotFound
	case errors.As(err, &status) && (status.HTTPStatusCode() == 403 || status.HTTPStatusCode() == 401):
		kind = shard.Denied
	case errors.As(err, &status) && status.HTTPStatusCode() >= 500:
		kind = shard.Unavailable
	case errors.As(err, &status):
		kind = shard.Config
	}
	return &shard.Error{Op: op, Kind: kind, Cause: err}
}

// existing is how Step Functions names the machine that is there already.
var existing = regexp.MustCompile(`'(arn:[^']+)'`)

// nameDigits of a definition's hash make a machine's name; the model's name is in front.
const nameDigits = 12

// Machine makes the state machine of a definition and returns its ARN. Machines are named by model and definition: the same
// definition finds its machine again, another one gets another, and executions under way are not disturbed.
func (c *Client) Machine(ctx context.Context, model string, m *statemachine.Machine) (string, error) {
	text, err := m.Encode()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	name := model + "-batch-" + hex.EncodeToString(sum[:])[:nameDigits]
	out, err := c.steps.CreateStateMachine(ctx, &sfn.CreateStateMachineInput{Name: &name, Definition: aws.String(string(text)),
		RoleArn: &c.role, Type: types.StateMachineTypeStandard})
	var there *types.StateMachineAlreadyExists
	if errors.As(err, &there) {
		if arn := existing.FindStringSubmatch(there.ErrorMessage()); arn != nil {
			_, err = c.steps.UpdateStateMachine(ctx, &sfn.UpdateStateMachineInput{StateMachineArn: &arn[1], Definition: aws.String(string(text)), RoleArn: &c.role})
			return arn[1], failed("update state machine "+name, err)
		}
	}
	if err != nil {
		return "", failed("create state machine "+name, err)
	}
	return aws.ToString(out.StateMachineArn), nil
}

// Start starts an execution of a job and returns its ARN. name must be new to the machine.
func (c *Client) Start(ctx context.Context, machine, name string, job statemachine.Job) (string, error) {
	input, err := json.Marshal(job)
	if err != nil {
		return "", err
	}
	out, err := c.steps.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: &machine, Name: &name, Input: aws.String(string(input))})
	if err != nil {
		return "", failed("start execution "+name, err)
	}
	return aws.ToString(out.ExecutionArn), nil
}

// Stop aborts an execution; its functions' invocations that are under way end by themselves.
func (c *Client) Stop(ctx context.Context, execution, cause string) error {
	_, err := c.steps.StopExecution(ctx, &sfn.StopExecutionInput{ExecutionArn: &execution, Cause: &cause})
	return failed("stop execution", err)
}

// Redrive lets a batch go on that did not do all its blocks, and returns the execution that does: the same one when it failed,
// timed out or was aborted, and a new one over the missing blocks when it succeeded within its tolerance. When nothing is missing it
// does nothing, and returns "".
func (c *Client) Redrive(ctx context.Context, s *Status) (string, error) {
	switch types.ExecutionStatus(s.Status) {
	case types.ExecutionStatusRunning, types.ExecutionStatusPendingRedrive:
		return "", &shard.Error{Op: "redrive", Kind: shard.BadInput, Message: "the execution is under way; stop it first, or wait"}
	case types.ExecutionStatusSucceeded:
		complete, err := tasks.Complete(ctx, c.Store, s.Job)
		if err != nil || complete {
			return "", err
		}
		return c.Start(ctx, s.Machine, fmt.Sprintf("%s-%d", s.Job.ID, time.Now().UnixMilli()), s.Job)
	}
	_, err := c.steps.RedriveExecution(ctx, &sfn.RedriveExecutionInput{ExecutionArn: &s.Execution})
	return s.Execution, failed("redrive execution", err)
}
