package httpapi

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/wire"
)

// failure is a request that this package itself refuses, with its status and further headers.
type failure struct {
	status int
	text   string
	header map[string]string
}

func (f *failure) Error() string { return f.text }

func refuse(status int, format string, args ...any) error {
	return &failure{status: status, text: fmt.Sprintf(format, args...)}
}

// retryAfter is what clients are asked to wait when another attempt may succeed: environments start within seconds.
const retryAfter = "1"

// failed makes the answer of an error.
func failed(err error) *Response {
	status, header := http.StatusInternalServerError, map[string]string{}
	var own *failure
	if errors.As(err, &own) {
		status = own.status
		for name, value := range own.header {
			header[name] = value
		}
	} else {
		status = statusOf(err)
	}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		header["retry-after"] = retryAfter
	}
	header["content-type"] = contentJSON
	body := append(wire.AppendString([]byte(`{"error":`), err.Error()), '}')
	return &Response{Status: status, Header: header, Body: body}
}

// statusOf is the HTTP status of a kind of error. A fault that a shard finds in the coordinator's own request is not the
// client's, whatever its kind; tensors that a shard refuses for their values are.
func statusOf(err error) int {
	var e *shard.Error
	fromShard := errors.As(err, &e) && e.Of > 0
	switch kind := shard.KindOf(err); kind {
	case shard.BadInput:
		return http.StatusBadRequest
	case shard.BadRequest, shard.Unsupported:
		if fromShard {
			return http.StatusInternalServerError
		}
		return http.StatusBadRequest
	case shard.TooLarge:
		return http.StatusRequestEntityTooLarge
	case shard.Throttled:
		return http.StatusTooManyRequests
	case shard.Deadline, shard.Timeout:
		return http.StatusGatewayTimeout
	case shard.Canceled, shard.Transport, shard.Crashed, shard.Unavailable, shard.Garbled:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
