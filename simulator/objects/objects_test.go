//go:build unix

package objects_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"go.uber.org/goleak"

	"github.com/shardwise/shardwise/simulator/objects"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const bucket = "a-bucket"

// serve serves a directory until the test, or the returned function, ends it.
func serve(t *testing.T, dir string) (*s3.Client, string, func()) {
	t.Helper()
	server, err := objects.Open(objects.Config{Dir: dir, Buckets: []string{bucket}})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server)
	transport := &http.Transport{}
	end := sync.OnceFunc(func() {
		transport.CloseIdleConnections()
		web.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(end)
	client := s3.New(s3.Options{Region: "us-east-1", BaseEndpoint: &web.URL, UsePathStyle: true, Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("ak", "sk", ""), HTTPClient: &http.Client{Transport: transport}})
	return client, web.URL, end
}

func put(t *testing.T, c *s3.Client, key string, data []byte) {
	t.Helper()
	if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: &key, Body: bytes.NewReader(data)}); err != nil {
		t.Fatalf("put %q: %v", key, err)
	}
}

func get(t *testing.T, c *s3.Client, key, span string) ([]byte, *s3.GetObjectOutput) {
	t.Helper()
	in := &s3.GetObjectInput{Bucket: aws.String(bucket), Key: &key, ChecksumMode: types.ChecksumModeEnabled}
	if span != "" {
		in.Range = &span
	}
	out, err := c.GetObject(t.Context(), in)
	if err != nil {
		t.Fatalf("get %q: %v", key, err)
	}
	data, err := io.ReadAll(out.Body)
	if err := errors.Join(err, out.Body.Close()); err != nil {
		t.Fatalf("get %q: %v", key, err)
	}
	return data, out
}

// wantCode holds an error against S3's code and status.
func wantCode(t *testing.T, err error, code string, status int) {
	t.Helper()
	var api smithy.APIError
	var response interface{ HTTPStatusCode() int }
	if !errors.As(err, &api) || api.ErrorCode() != code || !errors.As(err, &response) || response.HTTPStatusCode() != status {
		t.Errorf("error %v, want %s with status %d", err, code, status)
	}
}

func noise(n int) []byte {
	data := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n)}).Read(data)
	return data
}

func TestObjectsKeepTheirBytesHeadersAndNames(t *testing.T) {
	c, _, _ := serve(t, t.TempDir())
	for _, key := range []string{"plain", "a/b/c.bin", "a/b", "sp ace+plus%41", "..", "a/../b", "ü/ß", "/leading", "double//slash", strings.Repeat("k", 1024)} {
		data := noise(len(key) * 7)
		_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: &key, Body: bytes.NewReader(data),
			ContentType: aws.String("text/x-test"), Metadata: map[string]string{"some": "thing"}})
		if err != nil {
			t.Fatalf("put %q: %v", key, err)
		}
		found, out := get(t, c, key, "")
		if !bytes.Equal(found, data) || aws.ToString(out.ContentType) != "text/x-test" || out.Metadata["some"] != "thing" || len(out.Metadata) != 1 || out.ChecksumCRC32 == nil {
			t.Errorf("%q: %d bytes of %d, type %v, metadata %v, checksum %v", key, len(found), len(data), aws.ToString(out.ContentType), out.Metadata, out.ChecksumCRC32)
		}
		head, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String(bucket), Key: &key})
		if err != nil || aws.ToInt64(head.ContentLength) != int64(len(data)) || aws.ToString(head.ETag) != aws.ToString(out.ETag) || time.Since(aws.ToTime(head.LastModified)) > time.Minute {
			t.Errorf("%q: head %+v, %v", key, head, err)
		}
	}
}

func TestRanges(t *testing.T) {
	c, _, _ := serve(t, t.TempDir())
	data := noise(1000)
	put(t, c, "k", data)
	for span, want := range map[string][]byte{"bytes=0-0": data[:1], "bytes=10-19": data[10:20], "bytes=990-2000": data[990:], "bytes=500-": data[500:], "bytes=-7": data[993:], "bytes=-5000": data} {
		if found, out := get(t, c, "k", span); !bytes.Equal(found, want) || !strings.HasSuffix(aws.ToString(out.ContentRange), "/1000") {
			t.Errorf("%s: %d bytes, want %d; content range %v", span, len(found), len(want), aws.ToString(out.ContentRange))
		}
	}
	_, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String("k"), Range: aws.String("bytes=1000-")})
	wantCode(t, err, "InvalidRange", 416)
}

func TestAConditionalWriteHasOneWinner(t *testing.T) {
	c, _, _ := serve(t, t.TempDir())
	var mu sync.Mutex
	won := 0
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String("once"), Body: bytes.NewReader(noise(50_000 + i)), IfNoneMatch: aws.String("*")})
			if err == nil {
				mu.Lock()
				won++
				mu.Unlock()
				return
			}
			wantCode(t, err, "PreconditionFailed", 412)
		})
	}
	all.Wait()
	if won != 1 {
		t.Errorf("%d writers won, want one", won)
	}
	_, out := get(t, c, "once", "")
	_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String("once"), Body: strings.NewReader("x"), IfMatch: aws.String(`"0123"`)})
	wantCode(t, err, "PreconditionFailed", 412)
	if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String("once"), Body: strings.NewReader("x"), IfMatch: out.ETag}); err != nil {
		t.Error(err)
	}
	_, err = c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String("once"), IfMatch: out.ETag})
	wantCode(t, err, "PreconditionFailed", 412)
}

func TestErrorsAreS3s(t *testing.T) {
	c, _, _ := serve(t, t.TempDir())
	_, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String("none")})
	wantCode(t, err, "NoSuchKey", 404)
	_, err = c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("another"), Key: aws.String("k"), Body: strings.NewReader("x")})
	wantCode(t, err, "NoSuchBucket", 404)
	if _, err = c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: aws.String("none")}); err != nil {
		t.Errorf("deleting what is not there: %v", err)
	}
	put(t, c, "k", []byte("x"))
	_, err = c.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: aws.String(bucket)})
	wantCode(t, err, "BucketNotEmpty", 409)
}

func TestWhatIsNotEmulatedIsRefused(t *testing.T) {
	c, _, _ := serve(t, t.TempDir())
	put(t, c, "k", []byte("kept"))
	refused := map[string]func() error{
		"encryption": func() error {
			_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String("k"), Body: strings.NewReader("x"), ServerSideEncryption: types.ServerSideEncryptionAwsKms})
			return err
		},
		"access list": func() error {
			_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String("k"), Body: strings.NewReader("x"), ACL: types.ObjectCannedACLPublicRead})
			return err
		},
		"tags": func() error {
			_, err := c.PutObjectTagging(t.Context(), &s3.PutObjectTaggingInput{Bucket: aws.String(bucket), Key: aws.String("k"), Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}}})
			return err
		},
		"life cycle": func() error {
			_, err := c.GetBucketLifecycleConfiguration(t.Context(), &s3.GetBucketLifecycleConfigurationInput{Bucket: aws.String(bucket)})
			return err
		},
		"versions": func() error {
			_, err := c.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: aws.String(bucket)})
			return err
		},
	}
	for name, do := range refused {
		t.Run(name, func(t *testing.T) { wantCode(t, do(), "NotImplemented", 501) })
	}
	if found, _ := get(t, c, "k", ""); string(found) != "kept" {
		t.Errorf("a refused request changed the object to %q", found)
	}
}

func TestListings(t *testing.T) {
	c, _, _ := serve(t, t.TempDir())
	var keys []string
	for i := range 25 {
		keys = append(keys, fmt.Sprintf("dir%d/sub/%02d", i%3, i))
		put(t, c, keys[i], noise(i))
	}
	put(t, c, "top", nil)
	var found []string
	pages := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: aws.String(bucket), Prefix: aws.String("dir1/"), MaxKeys: aws.Int32(3)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Contents {
			found = append(found, *o.Key)
		}
	}
	if len(found) != 8 || found[0] != "dir1/sub/01" || found[7] != "dir1/sub/22" {
		t.Errorf("keys %v", found)
	}
	var prefixes, tops []string
	pages = s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: aws.String(bucket), Delimiter: aws.String("/"), MaxKeys: aws.Int32(2)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.CommonPrefixes {
			prefixes = append(prefixes, *p.Prefix)
		}
		for _, o := range page.Contents {
			tops = append(tops, *o.Key)
		}
	}
	if fmt.Sprint(prefixes, tops) != "[dir0/ dir1/ dir2/] [top]" {
		t.Errorf("prefixes %v, keys %v", prefixes, tops)
	}
	var ids []types.ObjectIdentifier
	for _, k := range keys[:10] {
		ids = append(ids, types.ObjectIdentifier{Key: aws.String(k)})
	}
	if out, err := c.DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: aws.String(bucket), Delete: &types.Delete{Objects: ids}}); err != nil || len(out.Deleted) != 10 {
		t.Errorf("delete ten: %+v, %v", out, err)
	}
	if out, err := c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(bucket)}); err != nil || len(out.Contents) != 16 {
		t.Errorf("%d keys are left, want 16 (%v)", len(out.Contents), err)
	}
}

func TestUploadsInParts(t *testing.T) {
	dir := t.TempDir()
	c, _, _ := serve(t, dir)
	data := noise(12 << 20)
	up, err := c.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: aws.String(bucket), Key: aws.String("big")})
	if err != nil {
		t.Fatal(err)
	}
	part := func(n int32, b []byte) types.CompletedPart {
		t.Helper()
		out, err := c.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: aws.String(bucket), Key: aws.String("big"), UploadId: up.UploadId, PartNumber: &n, Body: bytes.NewReader(b)})
		if err != nil {
			t.Fatal(err)
		}
		return types.CompletedPart{PartNumber: &n, ETag: out.ETag}
	}
	parts := []types.CompletedPart{part(1, data[:5<<20]), part(2, data[5<<20:11<<20]), part(7, data[11<<20:])}
	complete := func(p ...types.CompletedPart) error {
		_, err := c.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{Bucket: aws.String(bucket), Key: aws.String("big"), UploadId: up.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: p}})
		return err
	}
	wantCode(t, complete(parts[1], parts[0]), "InvalidPartOrder", 400)
	wantCode(t, complete(parts[0], types.CompletedPart{PartNumber: aws.Int32(2), ETag: parts[0].ETag}), "InvalidPart", 400)
	if list, err := c.ListParts(t.Context(), &s3.ListPartsInput{Bucket: aws.String(bucket), Key: aws.String("big"), UploadId: up.UploadId}); err != nil || len(list.Parts) != 3 || *list.Parts[2].PartNumber != 7 {
		t.Errorf("parts %+v, %v", list, err)
	}
	if err := complete(parts...); err != nil {
		t.Fatal(err)
	}
	if found, _ := get(t, c, "big", ""); !bytes.Equal(found, data) {
		t.Errorf("%d bytes, want %d equal ones", len(found), len(data))
	}
	wantCode(t, complete(parts...), "NoSuchUpload", 404)
	left, err := filepath.Glob(filepath.Join(dir, ".parts", "*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestObjectsSurviveTheServer(t *testing.T) {
	dir := t.TempDir()
	c, _, end := serve(t, dir)
	data := noise(100_000)
	put(t, c, "dir/stays", data)
	put(t, c, "goes", data)
	if _, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: aws.String("goes")}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("second-bucket")}); err != nil {
		t.Fatal(err)
	}
	if _, err := objects.Open(objects.Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("a second server on the directory: %v", err)
	}
	end()
	// What a writer left behind that was killed is no object.
	if err := os.WriteFile(filepath.Join(dir, ".drafts", "draft-1"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _, _ = serve(t, dir)
	if found, _ := get(t, c, "dir/stays", ""); !bytes.Equal(found, data) {
		t.Errorf("%d bytes came back", len(found))
	}
	out, err := c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(bucket)})
	if err != nil || len(out.Contents) != 1 {
		t.Errorf("%d objects, want one (%v)", len(out.Contents), err)
	}
	if list, err := c.ListBuckets(t.Context(), &s3.ListBucketsInput{}); err != nil || len(list.Buckets) != 2 {
		t.Errorf("buckets %+v, %v", list, err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".drafts", "*")); err != nil || len(left) != 0 {
		t.Errorf("drafts %v %v", left, err)
	}
}

func TestADamagedDirectoryIsRefusedByName(t *testing.T) {
	dir := t.TempDir()
	c, _, end := serve(t, dir)
	put(t, c, "k", noise(1000))
	end()
	files, err := filepath.Glob(filepath.Join(dir, bucket, "[0-9a-f]*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if err := os.Truncate(files[0], 900); err != nil {
		t.Fatal(err)
	}
	if _, err := objects.Open(objects.Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), files[0]) {
		t.Errorf("error %v, want one that names the file", err)
	}
}

// TestReadersSeeOneWholeWrite writes one key again and again while others read it.
func TestReadersSeeOneWholeWrite(t *testing.T) {
	c, _, _ := serve(t, t.TempDir())
	version := func(i int) []byte {
		data := bytes.Repeat([]byte{byte(i)}, 200_000+i)
		binary.BigEndian.PutUint32(data, uint32(i))
		return data
	}
	put(t, c, "k", version(0))
	ctx, cancel := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for ctx.Err() == nil {
				found, _ := get(t, c, "k", "")
				if want := version(int(binary.BigEndian.Uint32(found))); !bytes.Equal(found, want) {
					t.Error("a read mixed two writes")
				}
			}
		})
	}
	for i := range 30 {
		put(t, c, "k", version(i+1))
	}
	cancel()
	readers.Wait()
}
