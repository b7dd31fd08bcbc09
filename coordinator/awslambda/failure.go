package awslambda

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/shard"
)

// maxRetryAfter bounds what a Retry-After header may ask for.
const maxRetryAfter = time.Minute

func requestID(m middleware.Metadata) string {
	id, ok := awsmiddleware.GetRequestIDMetadata(m)
	if !ok {
		return ""
	}
	return id
}

// failure turns an error of the SDK into a *shard.Error.
func failure(ctx context.Context, t coordinator.Target, err error) (coordinator.Reply, error) {
	var r coordinator.Reply
	e := &shard.Error{Op: "invoke " + t.String(), Cause: err}
	var response *smithyhttp.ResponseError
	status := 0
	if errors.As(err, &response) {
		status = response.HTTPStatusCode()
		if response.Response != nil && response.Response.Response != nil {
			r.RequestID = response.Response.Header.Get("X-Amzn-Requestid")
			r.RetryAfter = retryAfter(response.Response.Header)
		}
	}
	switch {
	case ctx.Err() != nil:
		e.Kind, e.Cause = shard.KindOf(ctx.Err()), ctx.Err()
	case status >= http.StatusBadRequest:
		var api smithy.APIError
		code := ""
		if errors.As(err, &api) {
			code = api.ErrorCode()
			e.Cause = errors.New(code + ": " + message(api))
		}
		e.Kind = kindOf(status, code)
		e.Message = "status " + strconv.Itoa(status) + remedy(e.Kind)
	default:
		e.Kind = shard.Transport
	}
	return r, e
}

func message(api smithy.APIError) string {
	var throttled *types.TooManyRequestsException
	if errors.As(api, &throttled) && throttled.Reason != "" {
		return string(throttled.Reason)
	}
	return api.ErrorMessage()
}

func remedy(k shard.Kind) string {
	switch k {
	case shard.NotFound:
		return "; deploy the model, or correct the names in deployment.json"
	case shard.Denied:
		return "; allow lambda:InvokeFunction on the function and its alias"
	case shard.TooLarge:
		return "; send fewer rows per request"
	case shard.Config:
		return "; mend the function's configuration"
	}
	return ""
}

// kindOf classifies a service error by status and code (Lambda's API model lists both).
func kindOf(status int, code string) shard.Kind {
	switch code {
	case "ThrottlingException", "EC2ThrottledException":
		return shard.Throttled
	case "InvalidRequestContentException", "UnsupportedMediaTypeException":
		return shard.BadRequest
	case "EC2AccessDeniedException", "InvalidSecurityGroupIDException", "InvalidSubnetIDException", "InvalidZipFileException",
		"InvalidRuntimeException", "KMSAccessDeniedException", "KMSDisabledException", "KMSInvalidStateException", "KMSNotFoundException":
		return shard.Config
	}
	switch {
	case status == http.StatusTooManyRequests:
		return shard.Throttled
	case status == http.StatusNotFound:
		return shard.NotFound
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return shard.Denied
	case status == http.StatusRequestEntityTooLarge:
		return shard.TooLarge
	case status == http.StatusRequestTimeout, status == http.StatusConflict, status == http.StatusGone, status >= http.StatusInternalServerError:
		// A mount that timed out, a function being updated or a broken file system may be well on the next attempt.
		return shard.Unavailable
	}
	return shard.Config
}

// retryAfter reads the header in seconds; its date form is not used by Lambda.
func retryAfter(h http.Header) time.Duration {
	s, err := strconv.ParseFloat(h.Get("Retry-After"), 64)
	if err != nil || !(s > 0) {
		return 0
	}
	return time.Duration(min(s, maxRetryAfter.Seconds()) * float64(time.Second))
}
