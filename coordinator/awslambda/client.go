// Package awslambda reaches functions through AWS Lambda's Invoke API, in the cloud or against any endpoint that speaks
// the same protocol.
//
// It is a transport and nothing more: one call is one attempt, and every failure becomes a *shard.Error whose kind
// follows from the HTTP status and the error code. Endpoints, credentials and signatures are the AWS SDK's; the request
// itself, one header and a body of bytes, is built here: with the SDK's general client 64 calls of 1 KB at once take
// nearly twice as long (BenchmarkScatter64), and a coordinator waits for all of them. The package reads no environment;
// internal/bootstrap and the CLI pass what it needs. A Client is safe for concurrent use and keeps idle connections for a
// whole fan-out, so that no scatter dials anew.
package awslambda

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

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
	base        url.URL // of the service
	region      string
	credentials aws.CredentialsProvider
	signer      *v4.Signer
	http        aws.HTTPClient
	idle        func()
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
	base, err := endpoint(o)
	if err != nil {
		return nil, &shard.Error{Op: "connect to lambda", Kind: shard.Config, Message: "wanted a known region, or an endpoint that is a URL", Cause: err}
	}
	if _, cached := o.Credentials.(*aws.CredentialsCache); !cached {
		o.Credentials = aws.NewCredentialsCache(o.Credentials)
	}
	c := &Client{base: base, region: o.Region, credentials: o.Credentials, signer: v4.NewSigner(), http: o.HTTP, idle: func() {}}
	if o.HTTP == nil {
		h := NewHTTPClient(o.FanOut)
		c.http, c.idle = h, h.CloseIdleConnections
	}
	return c, nil
}

// endpoint is the service's base URL by the SDK's rules.
func endpoint(o Options) (url.URL, error) {
	p := lambda.EndpointParameters{Region: &o.Region}.WithDefaults()
	if o.Endpoint != "" {
		p.Endpoint = &o.Endpoint
	}
	e, err := lambda.NewDefaultEndpointResolverV2().ResolveEndpoint(context.Background(), p)
	return e.URI, err
}

// Close drops idle connections.
func (c *Client) Close() { c.idle() }
