package client

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// Invoker is what Lambda needs of the AWS SDK's *lambda.Client.
type Invoker interface {
	Invoke(ctx context.Context, in *lambda.InvokeInput, options ...func(*lambda.Options)) (*lambda.InvokeOutput, error)
}

// LambdaEndpoint is the endpoint to pass to New with a transport of Lambda: the host never leaves the program.
const LambdaEndpoint = "http://lambda.invalid"

// Lambda makes a transport that invokes a coordinator's function, at a version or alias ("live"), with the event of a
// function URL. Errors of the service are the SDK's own; a function that failed instead of answering is an error too.
func Lambda(api Invoker, function, qualifier string) Doer {
	return &invocation{api: api, function: function, qualifier: qualifier}
}

type invocation struct {
	api                 Invoker
	function, qualifier string
}

// Do invokes the function.
func (i *invocation) Do(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, fmt.Errorf("read the request's body: %w", err)
		}
		if err := r.Body.Close(); err != nil {
			return nil, fmt.Errorf("close the request's body: %w", err)
		}
	}
	event := events.LambdaFunctionURLRequest{Version: "2.0", RawPath: r.URL.EscapedPath(), RawQueryString: r.URL.RawQuery,
		Headers: map[string]string{}, Body: base64.StdEncoding.EncodeToString(body), IsBase64Encoded: true}
	event.RequestContext.HTTP = events.LambdaFunctionURLRequestContextHTTPDescription{Method: r.Method, Path: r.URL.Path, Protocol: "HTTP/1.1"}
	for name, values := range r.Header {
		event.Headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	payload, err := json.Marshal(event)
	if err != nil {
		return nil, err
	}
	in := &lambda.InvokeInput{FunctionName: aws.String(i.function), Payload: payload}
	if i.qualifier != "" {
		in.Qualifier = aws.String(i.qualifier)
	}
	out, err := i.api.Invoke(r.Context(), in)
	if err != nil {
		return nil, fmt.Errorf("invoke %s: %w", i.function, err)
	}
	if out.FunctionError != nil {
		return nil, fmt.Errorf("invoke %s: function error %s: %.500s", i.function, *out.FunctionError, out.Payload)
	}
	return i.response(r, out.Payload)
}

func (i *invocation) response(r *http.Request, payload []byte) (*http.Response, error) {
	var reply events.LambdaFunctionURLResponse
	err := json.Unmarshal(payload, &reply)
	if err == nil && (reply.StatusCode < 200 || reply.StatusCode > 599) {
		err = fmt.Errorf("status %d", reply.StatusCode)
	}
	body := []byte(reply.Body)
	if err == nil && reply.IsBase64Encoded {
		body, err = base64.StdEncoding.DecodeString(reply.Body)
	}
	if err != nil {
		return nil, fmt.Errorf("invoke %s: wanted the answer to a function-URL event, found %.200q: %w", i.function, payload, err)
	}
	answer := &http.Response{Status: http.StatusText(reply.StatusCode), StatusCode: reply.StatusCode, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: r}
	for name, value := range reply.Headers {
		answer.Header.Set(name, value)
	}
	return answer, nil
}
