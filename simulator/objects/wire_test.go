//go:build unix

package objects_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/shardwise/shardwise/simulator/objects"
)

// TestChecksums sends bodies as SDKs do, whole and in aws-chunked framing, with sums that hold and sums that do not.
func TestChecksums(t *testing.T) {
	c, endpoint, _ := serve(t, t.TempDir())
	for _, algorithm := range types.ChecksumAlgorithm("").Values() {
		switch algorithm {
		case types.ChecksumAlgorithmCrc32, types.ChecksumAlgorithmCrc32c, types.ChecksumAlgorithmCrc64nvme, types.ChecksumAlgorithmSha1, types.ChecksumAlgorithmSha256:
		default:
			continue
		}
		if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String("k"), Body: strings.NewReader("some text"), ChecksumAlgorithm: algorithm}); err != nil {
			t.Errorf("%s: %v", algorithm, err)
		}
	}
	// crc32 of "some text", in base64, from Python's zlib.
	const sum = "T7q9ug=="
	framed := "5;chunk-signature=00\r\nsome \r\n4\r\ntext\r\n0\r\n"
	for name, test := range map[string]struct {
		body   string
		header map[string]string
		status int
	}{
		"header":         {"some text", map[string]string{"X-Amz-Checksum-Crc32": sum}, 200},
		"wrong header":   {"some texT", map[string]string{"X-Amz-Checksum-Crc32": sum}, 400},
		"trailer":        {framed + "x-amz-checksum-crc32:" + sum + "\r\n\r\n", map[string]string{"X-Amz-Trailer": "x-amz-checksum-crc32"}, 200},
		"wrong trailer":  {framed + "x-amz-checksum-crc32:AAAAAA==\r\n\r\n", map[string]string{"X-Amz-Trailer": "x-amz-checksum-crc32"}, 400},
		"no trailer":     {framed + "\r\n", map[string]string{"X-Amz-Trailer": "x-amz-checksum-crc32"}, 400},
		"without any":    {framed + "\r\n", nil, 200},
		"broken framing": {"9;chunk-signature=00\r\nsome textjunk", nil, 400},
		"cut short":      {"9;chunk-signature=00\r\nsome te", nil, 400},
		"no framing":     {"some text", nil, 400},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequest(http.MethodPut, endpoint+"/"+bucket+"/raw", strings.NewReader(test.body))
			if err != nil {
				t.Fatal(err)
			}
			if name != "header" && name != "wrong header" {
				r.Header.Set("X-Amz-Content-Sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
				r.Header.Set("X-Amz-Decoded-Content-Length", "9")
				r.Header.Set("Content-Encoding", "aws-chunked")
			}
			for k, v := range test.header {
				r.Header.Set(k, v)
			}
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(answer.Body)
			if err := errors.Join(err, answer.Body.Close()); err != nil {
				t.Fatal(err)
			}
			if answer.StatusCode != test.status {
				t.Fatalf("status %d, want %d: %s", answer.StatusCode, test.status, text)
			}
			if test.status == 200 {
				if found, out := get(t, c, "raw", ""); string(found) != "some text" || aws.ToString(out.ContentEncoding) != "" || aws.ToString(out.ChecksumCRC32) != sum {
					t.Errorf("%q with encoding %q and checksum %q", found, aws.ToString(out.ContentEncoding), aws.ToString(out.ChecksumCRC32))
				}
			}
		})
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestServesTellsS3Apart(t *testing.T) {
	request := func(header, url string) *http.Request {
		r := httptest.NewRequest(http.MethodGet, url, nil)
		if header != "" {
			r.Header.Set("Authorization", header)
		}
		return r
	}
	signed := func(service string) *http.Request {
		r := request("", "http://127.0.0.1/b/k")
		err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}, r, "UNSIGNED-PAYLOAD", service, "eu-west-1", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, test := range []struct {
		name string
		r    *http.Request
		want bool
	}{
		{"signed for s3", signed("s3"), true},
		{"signed for lambda", signed("lambda"), false},
		{"unsigned", request("", "http://h/v2/models/m"), false},
		{"presigned", request("", "http://h/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a%2F20260101%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Signature=00"), true},
		{"presigned for lambda", request("", "http://h/b/k?X-Amz-Credential=a%2F20260101%2Fus-east-1%2Flambda%2Faws4_request&X-Amz-Signature=00"), false},
		{"presigned, version 2", request("", "http://h/b/k?AWSAccessKeyId=a&Signature=b&Expires=1"), true},
	} {
		if got := objects.Serves(test.r); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}
