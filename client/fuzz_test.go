package client_test

import (
	"net/http"
	"strconv"
	"testing"

	"github.com/shardwise/shardwise/client"
)

// FuzzInfer holds that whatever a server answers is an error or a set of tensors that can be read.
func FuzzInfer(f *testing.F) {
	f.Add([]byte(`{"model_name":"m","outputs":[{"name":"y","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":4}}]}`), []byte("abcd"))
	f.Add([]byte(`{"outputs":[{"name":"y","datatype":"BYTES","shape":[2],"parameters":{"binary_data_size":8}}]}`), make([]byte, 8))
	f.Add([]byte(`{"outputs":[{"name":"y","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":4}}]}`), []byte("\xff\xff\xff\xff"))
	f.Add([]byte(`{"outputs":[{"name":"y","datatype":"INT64","shape":[0,9223372036854775807,9223372036854775807],"parameters":{"binary_data_size":0}}]}`), []byte{})
	f.Fuzz(func(t *testing.T, head, tail []byte) {
		s := &script{status: http.StatusOK, header: map[string]string{"Inference-Header-Content-Length": strconv.Itoa(len(head))}, body: string(head) + string(tail)}
		c, err := client.New("http://example.test", "m", client.Options{HTTP: s})
		if err != nil {
			t.Fatal(err)
		}
		r, err := c.Infer(t.Context(), client.Request{})
		if err != nil {
			return
		}
		for _, o := range r.Outputs {
			switch o.Datatype {
			case "BYTES":
				_, err = client.Strings(o)
			case "FP32":
				_, err = client.Values[float32](o)
			case "INT64":
				_, err = client.Values[int64](o)
			case "BOOL":
				_, err = client.Values[bool](o)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}
