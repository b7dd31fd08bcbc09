package plan

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"
)

func TestCostModelFilesReplaceSingleNumbers(t *testing.T) {
	m, err := ParseCostModel([]byte(`{"round_trip_ms": 12}`))
	if err != nil || m.RoundTripMS != 12 || m.ReplyMBs != DefaultCostModel().ReplyMBs {
		t.Errorf("found %+v, error %v", m, err)
	}
	for _, bad := range []string{`{"round_trip": 12}`, `{"reply_mb_s": 0}`, `{"codec_mb_s": -1}`, `[]`, `{`, `{"request_mb_s": "fast"}`, `{"round_trip_ms": -1}`, `{"price_s3_put": -1e-9}`, `{} {}`, `{"node_us": 1}]`} {
		if _, err := ParseCostModel([]byte(bad)); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
	const want = `read the cost model: request_mb_s: wanted a number up to 1.8e308, found "fast"`
	if _, err := ParseCostModel([]byte(`{"request_mb_s": "fast"}`)); err == nil || err.Error() != want {
		t.Errorf("error %v, wanted %s", err, want)
	}
}

// The slowest of n invocations takes as long as Monte Carlo runs of the published fit say.
func TestRoundTripsGrowByDoublings(t *testing.T) {
	m := DefaultCostModel()
	for n, want := range map[int]float64{1: 31.6, 2: 34.4, 4: 36.9, 8: 39.2, 16: 41.5, 32: 43.7, 64: 46.0, 128: 48.2} {
		if got := m.roundTrip(n); math.Abs(got-want) > 0.6 {
			t.Errorf("%d functions: %.1f ms, wanted %.1f", n, got, want)
		}
	}
}

func FuzzParseCostModel(f *testing.F) {
	f.Add(defaultModel)
	f.Add([]byte(`{"sources":{"a":"b"},"max_vcpu":1e308}`))
	f.Add([]byte(`{"sources":null,"mb_per_vcpu":5e-324,"round_trip_per_doubling_ms":1e308}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseCostModel(data)
		if err != nil {
			return
		}
		if took := m.roundTrip(8) + m.wire(1<<30, m.RequestMBs) + m.codec(1<<20, m.vcpu(1769)); !(took >= 0) {
			t.Errorf("%s: a message takes %v ms", data, took)
		}
		written, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ParseCostModel(written); err != nil || !reflect.DeepEqual(again, m) {
			t.Errorf("%s: read as %+v, written and read again %+v, error %v", data, m, again, err)
		}
	})
}
