package awslambda

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/restjson"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/shard"
)

// maxRetryAfter bounds what a Retry-After header may ask for.
const maxRetryAfter = time.Minute

// refused turns an answer other than 200 into a *shard.Error.
func refused(t coordinator.Target, resp *http.Response, body []byte) error {
	e := &shard.Error{Op: "invoke " + t.String(), Kind: shard.Transport}
	if resp.StatusCode < http.StatusBadRequest {
		e.Message, e.Cause = "wanted status 200", errors.New(resp.Status)
		return e
	}
	code, text := reason(resp.Header, body)
	e.Kind = kindOf(resp.StatusCode, code)
	e.Message = "status " + strconv.Itoa(resp.StatusCode) + remedy(e.Kind)
	if about := strings.Trim(code+": "+text, ": "); about != "" {
		e.Cause = errors.New(about)
	}
	return e
}

// reason reads the code and the text of an error as the service writes them: the code in a header, or in the document.
func reason(h http.Header, body []byte) (code, text string) {
	var d struct {
		Code    string
		Type    string `json:"__type"`
		Message string // or "message"
		Reason  string // of a throttle, more telling than its message
	}
	_ = json.Unmarshal(body, &d) // a proxy's page, or nothing, has no code: the status alone then says what happened
	for _, c := range []string{h.Get("X-Amzn-Errortype"), d.Code, d.Type} {
		if c != "" {
			code = restjson.SanitizeErrorCode(c)
			break
		}
	}
	if d.Reason != "" {
		return code, d.Reason
	}
	return code, d.Message
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
