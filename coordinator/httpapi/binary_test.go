package httpapi_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/shardwise/shardwise/coordinator/httpapi"
)

// exchange sends x, in binary or as JSON, and returns the bits of y, asked for in binary or as JSON.
func exchange(t *testing.T, values []float32, binaryIn, binaryOut bool) []uint32 {
	t.Helper()
	input := map[string]any{"name": "x", "shape": []int{len(values) / 2, 2}, "datatype": "FP32"}
	var tail []byte
	if binaryIn {
		for _, v := range values {
			tail = binary.LittleEndian.AppendUint32(tail, math.Float32bits(v))
		}
		input["parameters"] = map[string]any{"binary_data_size": len(tail)}
	} else {
		var data []any
		for _, v := range values {
			if v != v {
				data = append(data, nil)
			} else {
				data = append(data, v)
			}
		}
		input["data"] = data
	}
	head, err := json.Marshal(map[string]any{"inputs": []any{input}, "parameters": map[string]any{"binary_data_output": binaryOut}})
	if err != nil {
		t.Fatal(err)
	}
	e := events.LambdaFunctionURLRequest{Version: "2.0", RawPath: "/v2/models/double/infer", IsBase64Encoded: true,
		Body: base64.StdEncoding.EncodeToString(append(head, tail...)), Headers: map[string]string{"inference-header-content-length": strconv.Itoa(len(head))}}
	e.RequestContext.HTTP.Method = "POST"
	payload, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := httpapi.New(double{}).Invoke(t.Context(), payload)
	if err != nil {
		t.Fatal(err)
	}
	var r events.LambdaFunctionURLResponse
	if err := json.Unmarshal(reply, &r); err != nil || r.StatusCode != 200 || r.IsBase64Encoded != binaryOut {
		t.Fatalf("%s: %v", reply, err)
	}
	return bits(t, r)
}

// bits reads output y of an answer.
func bits(t *testing.T, r events.LambdaFunctionURLResponse) []uint32 {
	t.Helper()
	head, tail := []byte(r.Body), []byte(nil)
	if r.IsBase64Encoded {
		body, err := base64.StdEncoding.DecodeString(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(r.Headers["inference-header-content-length"])
		if err != nil || r.Headers["content-type"] != "application/octet-stream" {
			t.Fatalf("%v: %v", r.Headers, err)
		}
		head, tail = body[:n], body[n:]
	}
	var doc struct {
		Outputs []struct {
			Name       string
			Data       []*float32
			Parameters struct {
				Size *int `json:"binary_data_size"`
			}
		}
	}
	if err := json.Unmarshal(head, &doc); err != nil || len(doc.Outputs) != 1 || doc.Outputs[0].Name != "y" {
		t.Fatalf("%s: %v", head, err)
	}
	var out []uint32
	if y := doc.Outputs[0]; y.Parameters.Size != nil {
		if *y.Parameters.Size != len(tail) || y.Data != nil {
			t.Fatalf("%s with %d bytes", head, len(tail))
		}
		for ; len(tail) > 0; tail = tail[4:] {
			out = append(out, binary.LittleEndian.Uint32(tail))
		}
		return out
	}
	for _, v := range doc.Outputs[0].Data {
		if v == nil {
			out = append(out, math.Float32bits(float32(math.NaN())))
		} else {
			out = append(out, math.Float32bits(*v))
		}
	}
	return out
}

func TestJSONAndBinaryGiveTheSameBits(t *testing.T) {
	nan := float32(math.NaN())
	values := []float32{1, -2.5, float32(math.Copysign(0, -1)), math.SmallestNonzeroFloat32, 1.0 / 3, nan, math.MaxFloat32 / 2, 3e-30}
	for _, in := range []bool{false, true} {
		for _, out := range []bool{false, true} {
			got := exchange(t, values, in, out)
			for i, v := range values {
				if want := math.Float32bits(2 * v); got[i] != want && !(v != v && got[i]&0x7fffffff > 0x7f800000) {
					t.Errorf("binary in %v, out %v: element %d: wanted bits %08x, found %08x", in, out, i, want, got[i])
				}
			}
		}
	}
}

// TestMalformedBinaryRequestsAreRefused holds that a length or a size that is not what it says it is, whatever it is, is the
// client's error and never an answer.
func TestMalformedBinaryRequestsAreRefused(t *testing.T) {
	request := func(size string) string {
		return `{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":` + size + `}}]}`
	}
	good := request("8")
	whole := strconv.Itoa(len(good))
	for _, length := range []string{"", " ", "+" + whole, "-" + whole, "-0", whole + "," + whole, whole + " ", whole + ".0", "0x59", "1e1", "\u0661\u0663", "\x00", "none",
		"2147483648", "9223372036854775808", "18446744073709551617", strconv.Itoa(len(good) + 9)} {
		r := ask(t, double{}, "POST", "/v2/models/double/infer", good+"abcdefgh", map[string]string{"inference-header-content-length": length})
		if r.StatusCode != 400 || !strings.Contains(r.Body, "header Inference-Header-Content-Length: wanted the length of the JSON in a body of") {
			t.Errorf("length %q: %d %s", length, r.StatusCode, r.Body)
		}
	}
	for name, c := range map[string]struct{ head, tail, length, want string }{
		"none of the JSON":     {good, "abcdefgh", "0", "malformed infer request"},
		"half of the JSON":     {good, "abcdefgh", "20", "malformed infer request"},
		"more than the JSON":   {good, "abcdefgh", strconv.Itoa(len(good) + 1), "only 7 bytes of binary data are left"},
		"no data":              {good, "", whole, "only 0 bytes of binary data are left"},
		"less data":            {good, "abcdefg", whole, "only 7 bytes of binary data are left"},
		"more data":            {good, "abcdefghi", whole, "1 bytes of binary data belong to no input"},
		"another size":         {request("4"), "abcdefgh", "", "2 elements of 4 bytes, binary_data_size is 4"},
		"a negative size":      {request("-8"), "abcdefgh", "", "from 0 to 2147483647"},
		"a large size":         {request("2147483648"), "abcdefgh", "", "from 0 to 2147483647"},
		"a fraction":           {request("8.5"), "abcdefgh", "", "from 0 to 2147483647"},
		"a text":               {request(`"8"`), "abcdefgh", "", "a number"},
		"null":                 {request("null"), "abcdefgh", "", "a number"},
		"data and binary data": {`{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2],"parameters":{"binary_data_size":8}}]}`, "abcdefgh", "", "both"},
	} {
		length := c.length
		if length == "" {
			length = strconv.Itoa(len(c.head))
		}
		r := ask(t, double{}, "POST", "/v2/models/double/infer", c.head+c.tail, map[string]string{"inference-header-content-length": length})
		if r.StatusCode != 400 || !strings.Contains(r.Body, c.want) {
			t.Errorf("%s: %d %s, want %q", name, r.StatusCode, r.Body, c.want)
		}
	}
}
