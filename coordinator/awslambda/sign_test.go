package awslambda_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/coordinator/awslambda"
	"github.com/shardwise/shardwise/shard"
)

// seen is a request as a server saw it.
type seen struct {
	*http.Request
	body []byte
}

// watching serves 200 and hands over what it was asked.
func watching(t *testing.T) (url string, last func() seen) {
	t.Helper()
	requests := make(chan seen, 1)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		requests <- seen{r, body}
	}))
	t.Cleanup(s.Close)
	return s.URL, func() seen { return <-requests }
}

var authorization = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=id/(\d{8})/eu-west-1/lambda/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$`)

// checkSignature computes the signature anew, as the AWS Signature Version 4 documentation lays it down, from what
// arrived and the secret "key".
func checkSignature(t *testing.T, r seen) (signed []string) {
	t.Helper()
	m := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil {
		t.Fatalf("Authorization is %q", r.Header.Get("Authorization"))
	}
	signed = strings.Split(m[2], ";")
	headers := ""
	for _, name := range signed {
		value := r.Header.Get(name)
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = fmt.Sprint(r.ContentLength)
		}
		headers += name + ":" + strings.TrimSpace(value) + "\n"
	}
	path, query, _ := strings.Cut(r.RequestURI, "?")
	path = strings.ReplaceAll(path, "%", "%25") // once more than on the wire, for every service but S3
	canonical := strings.Join([]string{r.Method, path, query, headers, m[2], hexSum(r.body)}, "\n")
	scope := m[1] + "/eu-west-1/lambda/aws4_request"
	text := "AWS4-HMAC-SHA256\n" + r.Header.Get("X-Amz-Date") + "\n" + scope + "\n" + hexSum([]byte(canonical))
	key := []byte("AWS4key")
	for _, part := range append(strings.Split(scope, "/"), text) {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(part))
		key = h.Sum(nil)
	}
	if got := hex.EncodeToString(key); got != m[3] {
		t.Errorf("signature %s, computed %s of\n%s", m[3], got, canonical)
	}
	return signed
}

func hexSum(p []byte) string {
	sum := sha256.Sum256(p)
	return hex.EncodeToString(sum[:])
}

func keys() aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider("id", "key", "token")
}

// What reaches the service is signed as the SDK's own client signs it, and goes to the same place.
func TestRequestsAreSignedAsTheSDKSignsThem(t *testing.T) {
	url, last := watching(t)
	sdk := lambda.New(lambda.Options{Region: "eu-west-1", BaseEndpoint: &url, Credentials: keys(), Retryer: aws.NopRetryer{}})
	ours, err := awslambda.New(awslambda.Options{Region: "eu-west-1", Endpoint: url, Credentials: keys()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ours.Close)
	for _, c := range []struct {
		target  coordinator.Target
		payload string
	}{
		{coordinator.Target{Function: "m-shard-003", Qualifier: "m-0123456789ab"}, `{"a":1}`},
		{coordinator.Target{Function: "m-shard-003"}, `{"a":1}`},
		{coordinator.Target{Function: "arn:aws:lambda:eu-west-1:123456789012:function:m", Qualifier: "$LATEST"}, `{"a":1}`},
		{coordinator.Target{Function: "m_1", Qualifier: "7"}, ""},
	} {
		in := &lambda.InvokeInput{FunctionName: &c.target.Function, Payload: []byte(c.payload), InvocationType: "RequestResponse"}
		if c.target.Qualifier != "" {
			in.Qualifier = &c.target.Qualifier
		}
		if _, err := sdk.Invoke(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		want := last()
		checkSignature(t, want) // the check itself stands or falls with the SDK's requests
		if _, err := ours.Invoke(t.Context(), c.target, []byte(c.payload)); err != nil {
			t.Fatal(err)
		}
		got := last()
		signed := checkSignature(t, got)
		for _, name := range []string{"host", "x-amz-date", "x-amz-invocation-type", "x-amz-security-token"} {
			if !slices.Contains(signed, name) {
				t.Errorf("%s: %s is not signed: %v", c.target, name, signed)
			}
		}
		if got.Method != want.Method || got.RequestURI != want.RequestURI || got.Host != want.Host || string(got.body) != c.payload ||
			got.ContentLength != want.ContentLength {
			t.Errorf("%s: %s %s of %d bytes, the SDK sends %s %s of %d bytes", c.target, got.Method, got.RequestURI, got.ContentLength,
				want.Method, want.RequestURI, want.ContentLength)
		}
		for _, name := range []string{"Content-Type", "X-Amz-Invocation-Type", "X-Amz-Security-Token"} {
			if got.Header.Get(name) != want.Header.Get(name) {
				t.Errorf("%s: %s is %q, the SDK sends %q", c.target, name, got.Header.Get(name), want.Header.Get(name))
			}
		}
	}
}

func TestTheTraceOfTheInvocationIsHandedOn(t *testing.T) {
	url, last := watching(t)
	c := newClient(t, url, 4)
	const trace = "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1;Lineage=a87bd80c:1"
	for given, want := range map[string]string{"": "", trace: trace, "Root=1\r\nX-Amz-Target: x": ""} {
		//lint:ignore SA1029 the key is aws-lambda-go's
		ctx := context.WithValue(t.Context(), "x-amzn-trace-id", given)
		if _, err := c.Invoke(ctx, target(), []byte("{}")); err != nil {
			t.Fatal(err)
		}
		if got := last().Header.Get("X-Amzn-Trace-Id"); got != want {
			t.Errorf("%q: found %q", given, got)
		}
	}
}

// caught is an HTTP client that notes the host it was to ask.
type caught struct{ host, path string }

func (c *caught) Do(r *http.Request) (*http.Response, error) {
	c.host, c.path = r.URL.Scheme+"://"+r.URL.Host, r.URL.EscapedPath()
	return &http.Response{StatusCode: 200, Body: http.NoBody, Header: http.Header{}}, nil
}

func TestEndpointsFollowRegionAndOptions(t *testing.T) {
	for _, c := range []struct{ region, endpoint, host, prefix string }{
		{"eu-west-1", "", "https://lambda.eu-west-1.amazonaws.com", ""},
		{"cn-north-1", "", "https://lambda.cn-north-1.amazonaws.com.cn", ""},
		{"eu-west-1", "http://127.0.0.1:9001/", "http://127.0.0.1:9001", ""},
		{"eu-west-1", "https://proxy.example/aws%2Fx", "https://proxy.example", "/aws%2Fx"},
	} {
		h := &caught{}
		client, err := awslambda.New(awslambda.Options{Region: c.region, Endpoint: c.endpoint, Credentials: keys(), HTTP: h})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Invoke(t.Context(), coordinator.Target{Function: "f"}, nil); err != nil {
			t.Fatal(err)
		}
		if h.host != c.host || h.path != c.prefix+"/2015-03-31/functions/f/invocations" {
			t.Errorf("%+v: asked %s%s", c, h.host, h.path)
		}
	}
	if _, err := awslambda.New(awslambda.Options{Region: "eu west", Credentials: keys()}); shard.KindOf(err) != shard.Config {
		t.Errorf("a region that is none: %v", err)
	}
}

// failing has no credentials to give.
type failing struct{}

func (failing) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials{}, io.ErrUnexpectedEOF
}

func TestWithoutCredentialsNothingIsAsked(t *testing.T) {
	h := &caught{}
	client, err := awslambda.New(awslambda.Options{Region: "eu-west-1", Credentials: failing{}, HTTP: h})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Invoke(t.Context(), target(), nil); shard.KindOf(err) != shard.Transport || !strings.Contains(err.Error(), "credentials") || h.host != "" {
		t.Fatalf("asked %q, %v", h.host, err)
	}
}
