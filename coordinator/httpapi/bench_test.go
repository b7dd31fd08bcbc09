package httpapi_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/shardwise/shardwise/coordinator/httpapi"
)

// BenchmarkInvoke answers a prediction of 200,000 numbers and compares with encoding/json reading the event and
// the numbers in it, without an answer, in the same run.
func BenchmarkInvoke(b *testing.B) {
	const rows = 100_000
	for _, binary := range []bool{false, true} {
		event := events.LambdaFunctionURLRequest{Version: "2.0", RawPath: "/v2/models/double/infer", Headers: map[string]string{}}
		event.RequestContext.HTTP.Method = "POST"
		if binary {
			head := fmt.Sprintf(`{"inputs":[{"name":"x","shape":[%d,2],"datatype":"FP32","parameters":{"binary_data_size":%d}}],"parameters":{"binary_data_output":true}}`, rows, 8*rows)
			event.Headers["inference-header-content-length"] = fmt.Sprint(len(head))
			event.Body, event.IsBase64Encoded = base64.StdEncoding.EncodeToString(append([]byte(head), make([]byte, 8*rows)...)), true
		} else {
			event.Body = fmt.Sprintf(`{"inputs":[{"name":"x","shape":[%d,2],"datatype":"FP32","data":[%s0.25]}]}`, rows, strings.Repeat("0.25,", 2*rows-1))
		}
		payload, err := json.Marshal(event)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(map[bool]string{false: "json", true: "binary"}[binary], func(b *testing.B) {
			server := httpapi.New(double{})
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			var ours, reference time.Duration
			for b.Loop() {
				start := time.Now()
				reply, err := server.Invoke(b.Context(), payload)
				if err != nil || !strings.HasPrefix(string(reply[:30]), `{"statusCode":200,`) {
					b.Fatalf("%.100s, %v", reply, err)
				}
				ours += time.Since(start)
				start = time.Now()
				readWithEncodingJSON(b, payload)
				reference += time.Since(start)
			}
			b.ReportMetric(float64(ours)/float64(reference), "x-encoding-json")
		})
	}
}

// readWithEncodingJSON is the plain way to come to the numbers of an event; it does not even answer.
func readWithEncodingJSON(b *testing.B, payload []byte) {
	var e events.LambdaFunctionURLRequest
	if err := json.Unmarshal(payload, &e); err != nil {
		b.Fatal(err)
	}
	if e.IsBase64Encoded {
		if _, err := base64.StdEncoding.DecodeString(e.Body); err != nil {
			b.Fatal(err)
		}
		return
	}
	var r struct{ Inputs []struct{ Data []float32 } }
	if err := json.Unmarshal([]byte(e.Body), &r); err != nil {
		b.Fatal(err)
	}
}
