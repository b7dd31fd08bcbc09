package httpapi_test

import (
	"encoding/json"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/shardwise/shardwise/coordinator/httpapi"
)

// FuzzInvoke holds that every payload is answered by a reply that Lambda accepts.
func FuzzInvoke(f *testing.F) {
	for _, seed := range []string{
		`{"version":"2.0","rawPath":"/v2/models/double/infer","headers":{"inference-header-content-length":"84"},"requestContext":{"http":{"method":"POST"}},"isBase64Encoded":true,"body":"eyJpbnB1dHMiOltdfQ=="}`,
		`{"version":"2.0","rawPath":"/v2/models/double/infer","requestContext":{"http":{"method":"POST"}},"body":"{\"inputs\":[{\"name\":\"x\",\"shape\":[1,2],\"datatype\":\"FP32\",\"data\":[1,2]}]}"}`,
		`{"rawPath":"/v2/openapi.json","requestContext":{"http":{"method":"GET"}},"body":null}`,
		`{"rawPath":"/v2/models/%","requestContext":{"http":{"method":"HEAD"}}}`,
		`{"body":"\ud800"}`, `{`, ``,
	} {
		f.Add([]byte(seed))
	}
	server := httpapi.New(double{})
	f.Fuzz(func(t *testing.T, payload []byte) {
		reply, err := server.Invoke(t.Context(), payload)
		var r events.LambdaFunctionURLResponse
		if err != nil || json.Unmarshal(reply, &r) != nil || r.StatusCode < 200 || r.StatusCode > 599 || r.Headers["content-type"] == "" {
			t.Fatalf("%s: %v", reply, err)
		}
		if r.StatusCode >= 400 {
			var body map[string]string
			if json.Unmarshal([]byte(r.Body), &body) != nil || body["error"] == "" {
				t.Fatalf("%s", r.Body)
			}
		}
	})
}
