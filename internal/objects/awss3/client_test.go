package awss3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"go.uber.org/goleak"

	"github.com/shardwise/shardwise/internal/objects"
	"github.com/shardwise/shardwise/internal/objects/awss3"
	simulated "github.com/shardwise/shardwise/simulator/objects"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// client asks the handler.
func client(t *testing.T, h http.Handler, bucket string) *awss3.Client {
	t.Helper()
	web := httptest.NewServer(h)
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		web.Close()
	})
	c, err := awss3.New(awss3.Options{Region: "eu-west-1", Endpoint: web.URL, Bucket: bucket, HTTP: &http.Client{Transport: transport},
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func reason(err error) objects.Reason {
	var e *objects.Error
	if !errors.As(err, &e) {
		return 99
	}
	return e.Reason
}

// TestStoresAgree runs one story over both stores.
func TestStoresAgree(t *testing.T) {
	server, err := simulated.Open(simulated.Config{Dir: t.TempDir(), Buckets: []string{"the-bucket"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}()
	for name, store := range map[string]objects.Store{"memory": &objects.Memory{}, "s3": client(t, server, "the-bucket")} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			for _, size := range []int{0, 1, 7, 8, 1000, 7 << 20} {
				data := bytes.Repeat([]byte{byte(size + 1)}, size)
				key := fmt.Sprintf("p/%d", size)
				if err := store.Put(ctx, key, data); err != nil {
					t.Fatal(err)
				}
				found, err := store.Get(ctx, key, int64(size))
				if err != nil || !bytes.Equal(found, data) {
					t.Errorf("%d bytes: found %d, %v", size, len(found), err)
				}
				if size >= 8 && uintptr(unsafe.Pointer(&found[0]))%8 != 0 {
					t.Errorf("%d bytes are not aligned", size)
				}
				for _, wrong := range []int64{int64(size) + 1, int64(size) - 1, 1 << 50} {
					if _, err := store.Get(ctx, key, wrong); wrong >= 0 && reason(err) != objects.Size {
						t.Errorf("wanted %d bytes of %d: %v", wrong, size, err)
					}
				}
				for range 2 {
					if err := store.Delete(ctx, key); err != nil {
						t.Error(err)
					}
				}
				if _, err := store.Get(ctx, key, int64(size)); reason(err) != objects.Missing {
					t.Errorf("a removed object: %v", err)
				}
			}
			ended, cancel := context.WithCancel(ctx)
			cancel()
			_, err := store.Get(ended, "k", 1)
			if reason(err) != objects.Ended || !errors.Is(err, context.Canceled) || reason(store.Put(ended, "k", nil)) != objects.Ended {
				t.Errorf("an ended context: %v", err)
			}
		})
	}
	if err := client(t, server, "no-bucket").Put(t.Context(), "k", nil); reason(err) != objects.NoBucket || !strings.Contains(err.Error(), "store.bucket") {
		t.Errorf("no bucket: %v", err)
	}
}

// TestReasons gives the client S3's refusals, by status and code as the API's documentation lists them.
func TestReasons(t *testing.T) {
	for _, test := range []struct {
		status int
		code   string
		want   objects.Reason
		calls  int64
	}{
		{403, "AccessDenied", objects.Denied, 1},
		{403, "InvalidAccessKeyId", objects.Denied, 1},
		{403, "SignatureDoesNotMatch", objects.Denied, 1},
		{404, "NoSuchKey", objects.Missing, 1},
		{404, "NoSuchBucket", objects.NoBucket, 1},
		{301, "PermanentRedirect", objects.NoBucket, 1},
		{503, "SlowDown", objects.Unavailable, 3},
		{500, "InternalError", objects.Unavailable, 3},
		{400, "InvalidArgument", objects.Other, 1},
	} {
		t.Run(test.code, func(t *testing.T) {
			var calls atomic.Int64
			c := client(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				calls.Add(1)
				w.WriteHeader(test.status)
				fmt.Fprintf(w, "<Error><Code>%s</Code><Message>the words</Message></Error>", test.code)
			}), "the-bucket")
			_, err := c.Get(t.Context(), "p/k", 5)
			if reason(err) != test.want || calls.Load() != test.calls || !strings.Contains(err.Error(), test.code) || !strings.Contains(err.Error(), `"p/k"`) {
				t.Errorf("reason %d after %d calls, want %d after %d: %v", reason(err), calls.Load(), test.want, test.calls, err)
			}
		})
	}
}

func TestABodyThatBreaksOffIsUnavailable(t *testing.T) {
	c := client(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		w.Write([]byte("half"))
	}), "the-bucket")
	if _, err := c.Get(t.Context(), "k", 100); reason(err) != objects.Unavailable {
		t.Errorf("error %v", err)
	}
}

func TestNewSaysWhatIsMissing(t *testing.T) {
	if _, err := awss3.New(awss3.Options{Region: "eu-west-1"}); err == nil || !strings.Contains(err.Error(), "store.bucket") {
		t.Errorf("error %v", err)
	}
}
