package local_test

import (
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/shardwise/shardwise/client"
	"github.com/shardwise/shardwise/internal/local"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/objects/awss3"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard/byref"
	"github.com/shardwise/shardwise/shard/wire"
)

const localBucket = "shardwise-local"

// cloud are a user's own clients of the simulated services.
type cloud struct {
	lambda *lambda.Client
	s3     *s3.Client
	store  *byref.Store
}

func clients(t *testing.T, d *local.Deployment) *cloud {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	web, keys, endpoint := &http.Client{Transport: transport}, credentials.NewStaticCredentialsProvider("a", "b", ""), d.Endpoint()
	store, err := awss3.New(awss3.Options{Region: "us-east-1", Endpoint: endpoint, Credentials: keys, Bucket: localBucket, HTTP: web})
	if err != nil {
		t.Fatal(err)
	}
	return &cloud{
		lambda: lambda.New(lambda.Options{Region: "us-east-1", BaseEndpoint: &endpoint, Credentials: keys, HTTPClient: web}),
		s3:     s3.New(s3.Options{Region: "us-east-1", BaseEndpoint: &endpoint, Credentials: keys, HTTPClient: web, UsePathStyle: true}),
		store:  byref.Where{Objects: store, Bucket: localBucket, Prefix: d.Model.Deployment.Model}.Of(d.Fingerprint),
	}
}

// keys are the objects that lie in the store.
func (c *cloud) keys(t *testing.T) []string {
	t.Helper()
	list, err := c.s3.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(localBucket)})
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, o := range list.Contents {
		keys = append(keys, *o.Key)
	}
	return keys
}

// whole makes small whole numbers, whose sums of products are exact in any order.
func whole(t *testing.T, rows, width, seed int) *tensor.Tensor {
	t.Helper()
	v := make([]float32, rows*width)
	for i := range v {
		v[i] = float32((i*7+seed)%13 - 6)
	}
	x, err := tensor.FromSlice(tensor.F32, v, rows, width)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// checkProducts holds the model "pairs" against its definition, a times b transposed.
func checkProducts(t *testing.T, got []float32, a, b *tensor.Tensor) {
	t.Helper()
	x, y := tensor.Of[float32](a), tensor.Of[float32](b)
	if len(got) != a.Dim(0)*b.Dim(0) {
		t.Fatalf("%d products of %d and %d rows", len(got), a.Dim(0), b.Dim(0))
	}
	for i := range a.Dim(0) {
		for j := range b.Dim(0) {
			want := x[3*i]*y[3*j] + x[3*i+1]*y[3*j+1] + x[3*i+2]*y[3*j+2]
			if found := got[i*b.Dim(0)+j]; found != want {
				t.Fatalf("product %d, %d is %v, wanted %v", i, j, found, want)
			}
		}
	}
}

// TestWhatFitsNoMessageIsPredicted sends some 12 MB that cannot be cut, and gets some 8 MB, over both hops.
func TestWhatFitsNoMessageIsPredicted(t *testing.T) {
	d := single(t, "pairs")
	c := clients(t, d)
	a, b := whole(t, 2, 3, 1), whole(t, 1_000_000, 3, 5)
	answer, err := d.Predict(t.Context(), tensor.Named{"a": a, "b": b}, local.Request{})
	if err != nil {
		t.Fatal(err)
	}
	checkProducts(t, tensor.Of[float32](answer.Outputs["products"]), a, b)
	attempt := answer.Report.Attempts[0]
	for name, size := range map[string]int64{"request": answer.RequestRef, "shard's request": attempt.RequestRefBytes} {
		if size < 12_000_000 {
			t.Errorf("%s: %d bytes by reference, want some 12 MB", name, size)
		}
	}
	for name, size := range map[string]int64{"answer": answer.ReplyRef, "shard's reply": attempt.ReplyRefBytes} {
		if size < 8_000_000 {
			t.Errorf("%s: %d bytes by reference, want some 8 MB", name, size)
		}
	}
	if answer.RequestBytes > 4000 || answer.ReplyBytes > 8000 || answer.Report.Leftovers != 0 {
		t.Errorf("messages of %d and %d bytes, %d objects left", answer.RequestBytes, answer.ReplyBytes, answer.Report.Leftovers)
	}
	if keys := c.keys(t); len(keys) != 0 {
		t.Errorf("left in the store: %v", keys)
	}
}

// TestRowsThatBelongTogetherGoByReference streams more rows than a message takes to a model whose rows may not be cut.
func TestRowsThatBelongTogetherGoByReference(t *testing.T) {
	d := single(t, "total")
	if d.Manifest.Signature.Rows != manifest.RowsNone {
		t.Fatal("the model's rows are independent")
	}
	x := whole(t, 500_000, 4, 0)
	small, err := d.Predict(t.Context(), tensor.Named{"x": rowsOf(t, x, 0, 13)}, local.Request{})
	if err != nil {
		t.Fatal(err)
	}
	large, err := d.Predict(t.Context(), tensor.Named{"x": rowsOf(t, x, 0, 13*38_461)}, local.Request{})
	if err != nil {
		t.Fatal(err)
	}
	// 13 rows repeat, so that the mean and with it every row has the same value in both, up to its summation.
	few, many := tensor.Of[float32](small.Outputs["shifted"]), tensor.Of[float32](large.Outputs["shifted"])
	for i := range many {
		if diff := many[i] - few[i%len(few)]; diff > 1e-4 || diff < -1e-4 {
			t.Fatalf("element %d is %v, in the small request %v", i, many[i], few[i%len(few)])
		}
	}
	if small.RequestRef != 0 || large.RequestRef < 7_000_000 {
		t.Errorf("by reference %d and %d bytes", small.RequestRef, large.RequestRef)
	}
}

func rowsOf(t *testing.T, x *tensor.Tensor, lo, hi int) *tensor.Tensor {
	t.Helper()
	part, err := x.Rows(lo, hi)
	if err != nil {
		t.Fatal(err)
	}
	return part
}

// TestTheGoClientFollowsAnAnswer asks over HTTP for more than Lambda sends, and over Invoke.
func TestTheGoClientFollowsAnAnswer(t *testing.T) {
	d := single(t, "pairs")
	c := clients(t, d)
	a, b := whole(t, 1300, 3, 1), whole(t, 1300, 3, 5)
	inputs := make([]client.Tensor, 2)
	var err error
	if inputs[0], err = client.NewTensor("a", tensor.Of[float32](a), 1300, 3); err != nil {
		t.Fatal(err)
	}
	if inputs[1], err = client.NewTensor("b", tensor.Of[float32](b), 1300, 3); err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	for name, o := range map[string]client.Options{"http": {HTTP: &http.Client{Transport: transport}},
		"invoke": {HTTP: client.Lambda(c.lambda, d.Model.Deployment.Coordinator.Name, manifest.LiveAlias)}} {
		t.Run(name, func(t *testing.T) {
			o.Objects = client.S3(c.s3, localBucket, "pairs")
			endpoint := d.Endpoint()
			if name == "invoke" {
				endpoint = client.LambdaEndpoint
			}
			asker, err := client.New(endpoint, "pairs", o)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := asker.Infer(t.Context(), client.Request{Inputs: inputs, Outputs: []string{"products"}})
			if err != nil {
				t.Fatal(err)
			}
			products, err := client.Values[float32](answer.Output("products"))
			if err != nil || answer.NotRemoved != nil {
				t.Fatal(err, answer.NotRemoved)
			}
			checkProducts(t, products, a, b)
			if keys := c.keys(t); len(keys) != 0 {
				t.Errorf("left in the store: %v", keys)
			}
		})
	}
}

// TestAShardAnswersAStateMachine invokes the shard's function as a state machine does: keys go in, a key comes out, as JSON.
func TestAShardAnswersAStateMachine(t *testing.T) {
	d := single(t, "pairs")
	c := clients(t, d)
	a, b := whole(t, 2, 3, 1), whole(t, 3, 3, 5)
	stage := d.Manifest.Steps[0].Stage
	in := tensor.Named{}
	for _, i := range stage.Inputs {
		in[i.Name] = map[string]*tensor.Tensor{"a": a, "b": b}[i.Value]
	}
	frame, err := wire.BodyFrame(in)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := c.store.Put(t.Context(), c.store.Key("execution-1", "0", "in"), frame)
	if err != nil {
		t.Fatal(err)
	}
	r := wire.Request{Kind: wire.KindInfer, Fingerprint: d.Fingerprint, RequestID: "execution-1", Attempt: 1, Step: d.Manifest.Steps[0].Name, Rows: 2,
		Reply: wire.ReplyRef, ReplyKey: c.store.Key("execution-1", "0", "shard-000"), Ref: ref}
	payload, err := wire.AppendRequest(nil, &r, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.lambda.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &d.Model.Deployment.Shards[0].Name, Qualifier: aws.String(manifest.Alias(d.Fingerprint)), Payload: payload})
	if err != nil || out.FunctionError != nil {
		t.Fatalf("%v: %s", err, out.Payload)
	}
	reply, err := wire.DecodeReply(wire.ReplyRef, out.Payload, wire.EchoOf(&r))
	if err != nil {
		t.Fatalf("%v: %s", err, out.Payload)
	}
	object, err := c.store.Get(t.Context(), reply.Ref)
	if err != nil {
		t.Fatal(err)
	}
	partial, err := wire.DecodeReplyObject(object, wire.EchoOf(&r))
	if err != nil {
		t.Fatal(err)
	}
	checkProducts(t, tensor.Of[float32](partial.Tensors["products"]), a, b)
}
