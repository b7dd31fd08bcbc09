// Package awslambda reaches functions through AWS Lambda's Invoke API with the AWS SDK, in the cloud or against any
// endpoint that speaks the same protocol.
//
// It is a transport and nothing more: one call is one attempt (the SDK's own retries are off, because their shared token
// bucket starves wide fan-outs), and every failure becomes a *shard.Error whose kind follows from the HTTP status and the
// error code. It reads no environment; internal/bootstrap and the CLI pass what it needs. A Client is safe for
// concurrent use and keeps idle connections for a whole fan-out, so that no scatter dials anew.
package awslambda

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/shard"
)

// Options say where Lambda is and who asks. Region and Credentials are required.
type Options struct {
	Region      string
	Endpoint    string // base URL, "" for AWS's own in Region
	Credentials aws.CredentialsProvider
	// FanOut is how many functions are invoked at once; connections kept idle are sized to it. 0 means 128.
	FanOut int
	// HTTP replaces the HTTP client; nil means one made by NewHTTPClient.
	HTTP aws.HTTPClient
}

// Client invokes functions. It implements coordinator.Invoker.
type Client struct {
	lambda *lambda.Client
	idle   func()
}

// idleTimeout is how long an unused connection is kept: less than the 350 s after which AWS's load balancers drop idle ones.
const idleTimeout = 90 * time.Second

// bufferSize is that of a connection's buffers: 64 KiB spare system calls for tensors of some hundred KB.
const bufferSize = 64 << 10

// NewHTTPClient makes an HTTP client that keeps fanOut idle connections to one host. Responses are never inflated, as
// Lambda does not compress. HTTP/2 is left off: one connection would carry, and could stall, a whole fan-out.
func NewHTTPClient(fanOut int) *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         dialer.DialContext,
			TLSHandshakeTimeout: 10 * time.Second,
			TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
			MaxIdleConns:        max(100, fanOut),
			MaxIdleConnsPerHost: max(100, fanOut),
			IdleConnTimeout:     idleTimeout,
			DisableCompression:  true,
			WriteBufferSize:     bufferSize,
			ReadBufferSize:      bufferSize,
		},
	}
}

// New makes a client. It dials nothing.
func New(o Options) (*Client, error) {
	if o.Region == "" || o.Credentials == nil {
		return nil, &shard.Error{Op: "connect to lambda", Kind: shard.Config, Message: "wanted a region and credentials; set AWS_REGION and the AWS credentials"}
	}
	if o.FanOut <= 0 {
		o.FanOut = 128
	}
	c := &Client{idle: func() {}}
	if o.HTTP == nil {
		h := NewHTTPClient(o.FanOut)
		o.HTTP, c.idle = h, h.CloseIdleConnections
	}
	lo := lambda.Options{Region: o.Region, Credentials: o.Credentials, HTTPClient: o.HTTP, Retryer: aws.NopRetryer{}}
	if o.Endpoint != "" {
		lo.BaseEndpoint = aws.String(o.Endpoint)
	}
	c.lambda = lambda.New(lo)
	return c, nil
}

// Close drops idle connections.
func (c *Client) Close() { c.idle() }

// Invoke calls the function once and waits.
func (c *Client) Invoke(ctx context.Context, t coordinator.Target, payload []byte) (coordinator.Reply, error) {
	in := &lambda.InvokeInput{FunctionName: aws.String(t.Function), InvocationType: types.InvocationTypeRequestResponse, Payload: payload}
	if t.Qualifier != "" {
		in.Qualifier = aws.String(t.Qualifier)
	}
	out, err := c.lambda.Invoke(ctx, in)
	if err != nil {
		return failure(ctx, t, err)
	}
	r := coordinator.Reply{
		Body: out.Payload, FunctionError: aws.ToString(out.FunctionError),
		ExecutedVersion: aws.ToString(out.ExecutedVersion), RequestID: requestID(out.ResultMetadata),
	}
	if out.StatusCode != http.StatusOK {
		return r, &shard.Error{Op: "invoke " + t.String(), Kind: shard.Transport, Message: "wanted status 200", Cause: errors.New(http.StatusText(int(out.StatusCode)))}
	}
	return r, nil
}
