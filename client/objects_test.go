package client_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/shardwise/shardwise/client"
	"github.com/shardwise/shardwise/coordinator/oip"
	"github.com/shardwise/shardwise/internal/tensor"
)

// bucket is one bucket of S3, as far as the client calls it.
type bucket struct {
	objects map[string]string
	removed []string
	fail    error // of removals
}

func (b *bucket) GetObject(_ context.Context, in *s3.GetObjectInput, _ ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	text, ok := b.objects[*in.Bucket+"/"+*in.Key]
	if !ok {
		return nil, errors.New("NoSuchKey")
	}
	return &s3.GetObjectOutput{Body: io.NopCloser(strings.NewReader(text))}, nil
}

func (b *bucket) DeleteObject(_ context.Context, in *s3.DeleteObjectInput, _ ...func(*s3.Options)) (*s3.DeleteObjectOutput, error) {
	b.removed = append(b.removed, *in.Bucket+"/"+*in.Key)
	return &s3.DeleteObjectOutput{}, b.fail
}

// TestAnswersInTheStoreAreFollowed lets the server's own encoder write the answer and the object.
func TestAnswersInTheStoreAreFollowed(t *testing.T) {
	y, err := tensor.FromSlice(tensor.F32, []float32{1.5, -2}, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	whole := &oip.Response{Model: "m", Version: "1", ID: "i", Mode: "exact", Names: []string{"y"}, Outputs: tensor.Named{"y": y}}
	object, head, err := oip.EncodeObject(whole)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(object)
	ref := oip.Ref{URL: "s3://my-bucket/p/q/abc/answer", Bytes: int64(len(object)), SHA256: hex.EncodeToString(sum[:]), Header: head}
	for name, test := range map[string]struct {
		change func(b *bucket, o *client.Options, r *oip.Ref)
		text   string // of the error; "" for none
	}{
		"good":             {func(*bucket, *client.Options, *oip.Ref) {}, ""},
		"not removed":      {func(b *bucket, _ *client.Options, _ *oip.Ref) { b.fail = errors.New("AccessDenied") }, ""},
		"nothing to ask":   {func(_ *bucket, o *client.Options, _ *oip.Ref) { o.Objects = nil }, "set Options.Objects"},
		"another prefix":   {func(_ *bucket, _ *client.Options, r *oip.Ref) { r.URL = "s3://my-bucket/p/other" }, "outside the store s3://my-bucket/p/q/"},
		"another bucket":   {func(_ *bucket, _ *client.Options, r *oip.Ref) { r.URL = "s3://other/p/q/abc/answer" }, "outside the store"},
		"missing":          {func(b *bucket, _ *client.Options, _ *oip.Ref) { b.objects = nil }, "NoSuchKey"},
		"shorter":          {func(b *bucket, _ *client.Options, _ *oip.Ref) { b.cut(len(object) - 1) }, "changed on the way"},
		"longer":           {func(_ *bucket, _ *client.Options, r *oip.Ref) { r.Bytes-- }, "changed on the way"},
		"another checksum": {func(_ *bucket, _ *client.Options, r *oip.Ref) { r.SHA256 = strings.Repeat("0", 64) }, "changed on the way"},
		"too large":        {func(_ *bucket, o *client.Options, _ *oip.Ref) { o.MaxObject = 10 }, "raise MaxObject"},
		"no size":          {func(_ *bucket, _ *client.Options, r *oip.Ref) { r.Bytes = 0 }, "wanted 1 to"},
		"wrong header":     {func(_ *bucket, _ *client.Options, r *oip.Ref) { r.Header = 1 << 20 }, "not the one asked for"},
	} {
		t.Run(name, func(t *testing.T) {
			b := &bucket{objects: map[string]string{"my-bucket/p/q/abc/answer": string(object), "my-bucket/p/other": string(object), "other/p/q/abc/answer": string(object)}}
			r := ref
			o := client.Options{Objects: client.S3(b, "my-bucket", "p/q")}
			test.change(b, &o, &r)
			o.HTTP = &script{status: 200, header: map[string]string{"Content-Type": "application/json"}, body: string(oip.EncodeRef(whole, r))}
			c, err := client.New("http://example.test", "m", o)
			if err != nil {
				t.Fatal(err)
			}
			x := input(t)
			answer, err := c.Infer(t.Context(), client.Request{Inputs: []client.Tensor{x}, Outputs: []string{"y"}})
			if test.text != "" {
				if err == nil || !strings.Contains(err.Error(), test.text) || len(b.removed) != 0 {
					t.Errorf("found %v, removed %v; want an error with %q and nothing removed", err, b.removed, test.text)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			values, err := client.Values[float32](answer.Output("y"))
			if err != nil || fmt.Sprint(values) != "[1.5 -2]" || answer.Mode != "exact" || answer.ID != "i" {
				t.Errorf("found %+v, %v", answer, err)
			}
			if fmt.Sprint(b.removed) != "[my-bucket/p/q/abc/answer]" || answer.NotRemoved != b.fail {
				t.Errorf("removed %v, NotRemoved %v", b.removed, answer.NotRemoved)
			}
		})
	}
}

func (b *bucket) cut(n int) {
	for key, text := range b.objects {
		b.objects[key] = text[:n]
	}
}
