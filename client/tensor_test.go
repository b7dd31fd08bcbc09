package client_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/client"
)

func roundTrip[T client.Element](t *testing.T, datatype string, values ...T) {
	t.Helper()
	x, err := client.NewTensor("x", values, 1, len(values))
	if err != nil {
		t.Fatal(err)
	}
	back, err := client.Values[T](x)
	if err != nil || x.Datatype != datatype || !slices.Equal(back, values) || !slices.Equal(x.Shape, []int{1, len(values)}) {
		t.Errorf("%v became %+v, then %v: %v", values, x, back, err)
	}
}

func TestValuesReadsWhatNewTensorWrites(t *testing.T) {
	roundTrip(t, "BOOL", true, false)
	roundTrip(t, "INT8", int8(-128), 127)
	roundTrip(t, "INT16", int16(math.MinInt16), 1)
	roundTrip(t, "INT32", int32(math.MinInt32), 1)
	roundTrip(t, "INT64", int64(math.MinInt64), 1)
	roundTrip(t, "UINT8", uint8(255), 0)
	roundTrip(t, "UINT16", uint16(math.MaxUint16))
	roundTrip(t, "UINT32", uint32(math.MaxUint32))
	roundTrip(t, "UINT64", uint64(math.MaxUint64))
	roundTrip(t, "FP32", float32(math.SmallestNonzeroFloat32), float32(math.Inf(-1)))
	roundTrip(t, "FP64", math.MaxFloat64, math.SmallestNonzeroFloat64)
	texts, err := client.NewStrings("s", []string{"", "é", "\x00\xff"}, 3, 1)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := client.Strings(texts); err != nil || !slices.Equal(back, []string{"", "é", "\x00\xff"}) {
		t.Errorf("found %q, %v", back, err)
	}
	if empty, err := client.NewTensor("e", []float32{}, 0, math.MaxInt); err != nil || len(empty.Data) != 0 {
		t.Errorf("no rows: %v, %v", empty, err)
	}
}

func TestTensorsThatDoNotFitTheirShapeAreRefused(t *testing.T) {
	_, shape := client.NewTensor("x", []float32{1}, 2)
	_, negative := client.NewTensor("x", []float32{1}, -1, -1)
	_, texts := client.NewStrings("x", []string{"a"}, 2)
	_, converted := client.Values[float64](client.Tensor{Name: "x", Datatype: "FP32", Shape: []int{1}, Data: make([]byte, 4)})
	_, short := client.Values[float32](client.Tensor{Name: "x", Datatype: "FP32", Shape: []int{2}, Data: make([]byte, 4)})
	_, boolean := client.Values[bool](client.Tensor{Name: "x", Datatype: "BOOL", Shape: []int{1}, Data: []byte{2}})
	_, missing := client.Strings((&client.Response{}).Output("x"))
	_, count := client.Strings(client.Tensor{Name: "x", Datatype: "BYTES", Shape: []int{2}, Data: make([]byte, 4)})
	for want, err := range map[string]error{"2 elements, found 1 values": shape, "negative": negative, "shape [2] has": texts, "wanted datatype FP64": converted,
		"found 4 bytes": short, "byte 2": boolean, "wanted datatype BYTES": missing, "found 1 texts": count} {
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), `"x"`) {
			t.Errorf("wanted %q, found %v", want, err)
		}
	}
}
