package network_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shardwise/shardwise/simulator/network"
)

// roundTrips draws n round trips that carry those bytes, in milliseconds.
func roundTrips(m *network.Model, seed uint64, n, request, reply int) []float64 {
	out := make([]float64, n)
	for i := range out {
		t := m.Trip(network.Source(seed, "f", uint64(i)))
		d := t.Request(request)
		out[i] = float64(d+t.Reply(reply)) / float64(time.Millisecond)
	}
	return out
}

func mean(list []float64) float64 {
	sum := 0.0
	for _, v := range list {
		sum += v
	}
	return sum / float64(len(list))
}

func quantile(list []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[int(q*float64(len(sorted)))]
}

// TestGillisRoundTrips holds draws against a Monte Carlo of 20,000 draws of call + return − call that was made with another
// program: mean and 99th percentile of the longest of n empty round trips.
func TestGillisRoundTrips(t *testing.T) {
	for _, tc := range []struct {
		n         int
		mean, p99 float64 // p99 0: not known
	}{{1, 31.6, 46}, {2, 34.4, 0}, {4, 36.9, 0}, {8, 39.2, 52}, {16, 41.5, 0}, {32, 43.7, 0}, {64, 46.0, 58}, {128, 48.2, 0}} {
		const rounds = 4000
		all := roundTrips(network.Gillis(), 7, rounds*tc.n, 0, 0)
		longest := make([]float64, rounds)
		for i := range longest {
			longest[i] = slices.Max(all[i*tc.n : (i+1)*tc.n])
		}
		if got := mean(longest); math.Abs(got-tc.mean) > 0.4 {
			t.Errorf("longest of %d: mean %.2f ms, want %.1f", tc.n, got, tc.mean)
		}
		if got := quantile(longest, 0.99); tc.p99 != 0 && math.Abs(got-tc.p99) > 2 {
			t.Errorf("longest of %d: 99th percentile %.2f ms, want about %.0f", tc.n, got, tc.p99)
		}
	}
}

func TestGillisSlopesAreThoseOfItsPayloads(t *testing.T) {
	const mib = 1 << 20
	empty := mean(roundTrips(network.Gillis(), 1, 4000, 0, 0))
	both := mean(roundTrips(network.Gillis(), 1, 4000, mib, mib))
	if got := both - empty; math.Abs(got-148) > 3 {
		t.Errorf("a MiB both ways adds %.1f ms, want 148", got)
	}
	trip := network.Gillis().Trip(network.Source(1, "f", 0))
	// The location alone grows by one second in 17.9 MB, the mean with its tail in 17.0.
	if got := trip.Part(mib).Seconds(); math.Abs(mib/got-17.0e6) > 0.1e6 {
		t.Errorf("a further MiB of a stream comes at %.1f MB/s, want 17.0", mib/got/1e6)
	}
	if got := network.Gillis().Cold(network.Source(1, "f", 0), 165e6); math.Abs(got.Seconds()-3.06) > 0.01 {
		t.Errorf("165 MB take %v to load, want 3.06 s", got)
	}
}

func TestDrawsFollowSeedFunctionAndNumber(t *testing.T) {
	draw := func(seed uint64, function string, n uint64) time.Duration {
		return network.Gillis().Trip(network.Source(seed, function, n)).Request(100)
	}
	if first, again := draw(1, "f", 5), draw(1, "f", 5); first != again {
		t.Error("the same draw differs")
	}
	for name, other := range map[string]time.Duration{"seed": draw(2, "f", 5), "function": draw(1, "g", 5), "number": draw(1, "f", 6)} {
		if other == draw(1, "f", 5) {
			t.Errorf("another %s gives the same draw", name)
		}
	}
}

func TestNoDelayIsNegativeAndTheSumIsKept(t *testing.T) {
	m := &network.Model{Call: network.Term{Location: network.Line{10}}, Return: network.Term{Location: network.Line{40}},
		Overlap: network.Term{Location: network.Line{30}}}
	trip := m.Trip(network.Source(1, "f", 0))
	if out, back := trip.Request(0), trip.Reply(0); out != 0 || back != 20*time.Millisecond {
		t.Errorf("request %v, reply %v, want 0 and 20 ms", out, back)
	}
}

func TestBandwidthAddsToTheTerms(t *testing.T) {
	m := &network.Model{RequestRate: 1000, ReplyRate: 500}
	trip := m.Trip(network.Source(1, "f", 0))
	if out, back := trip.Request(250), trip.Reply(250); out != 250*time.Millisecond || back != 500*time.Millisecond {
		t.Errorf("request %v, reply %v", out, back)
	}
}

func TestAModelSurvivesItsFile(t *testing.T) {
	p, err := json.Marshal(network.Gillis())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "m.json")
	if err := os.WriteFile(path, p, 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := network.Load(path)
	if err != nil || *m != *network.Gillis() {
		t.Errorf("read %+v, %v", m, err)
	}
	if m, err = network.Load("gillis"); err != nil || *m != *network.Gillis() {
		t.Errorf("by name: %+v, %v", m, err)
	}
	if m, err = network.Read(strings.NewReader(`{"call":{"loc":5,"scale":[1],"shape":[0,1]}}`)); err != nil || m.Call.Location != (network.Line{5}) || m.Call.Shape != (network.Line{0, 1}) {
		t.Errorf("short forms: %+v, %v", m, err)
	}
}

func TestBadModelsAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{"latency":5}`:                   "call, return",
		`{"call":{"loc":[1,2,3]}}`:        "call.loc: want a number or [constant, slope], found [1,2,3]",
		`{"call":{"loc":[]}}`:             "call.loc: want a number or [constant, slope], found []",
		`{"return":{"scale":"a"}}`:        `return.scale: want a number or [constant, slope], found "a"`,
		`{"cold_start":{"shape":1e999}}`:  "cold_start.shape: want a number or [constant, slope], found 1e999",
		`{"call":5}`:                      "call: want an object with shape, loc and scale, found number",
		`{"name":5}`:                      "name: want a text, found number",
		`{"unit_bytes":"k"}`:              "unit_bytes: want a number, found string",
		`{"call":{"loc":-1}}`:             "call.loc: want 0 to 900,000 ms, as long as a function may run, found -1",
		`{"return":{"scale":900000.5}}`:   "return.scale: want 0 to 900,000 ms, as long as a function may run, found 900000.5",
		`{"overlap":{"shape":[-2, 1]}}`:   "overlap.shape: want 0 or more, found -2",
		`{"request_bytes_per_second":-4}`: "request_bytes_per_second: want bytes a second, 0 (for no limit) or more, found -4",
		`{"reply_bytes_per_second":-5}`:   "reply_bytes_per_second: want bytes a second, 0 (for no limit) or more, found -5",
		`{} {}`:                           "more behind it",
		`{"unit_bytes":-1,"overlap":{"scale":-1}}`: "unit_bytes: want bytes, 0 (for 1) or more, found -1\noverlap.scale: want 0 to 900,000 ms, " +
			"as long as a function may run, found -1",
	} {
		if m, err := network.Read(strings.NewReader(text)); m != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v, %v, want %q", text, m, err, want)
		}
	}
	if _, err := network.Load("gilis"); err == nil || !strings.Contains(err.Error(), "want gillis or a JSON file") {
		t.Errorf("an unknown name: %v", err)
	}
	slope := network.Model{Call: network.Term{Location: network.Line{5, math.NaN()}}}
	if err := slope.Validate(); err == nil || err.Error() != "slope of call.loc: want a finite number, found NaN" {
		t.Errorf("a slope that is no number: %v", err)
	}
}

func TestAModelThatDelaysNothingIsRefusedByReadOnly(t *testing.T) {
	for _, text := range []string{`{}`, `null`, `{"name":"a","source":"b","unit_bytes":2}`, `{"call":{}}`, `{"call":{"loc":0},"return":{"loc":[0,-1]}}`,
		`{"overlap":{"loc":5}}`, `{"call":{"shape":[3,4],"scale":[0,-2]}}`} {
		if m, err := network.Read(strings.NewReader(text)); m != nil || err == nil || !strings.Contains(err.Error(), "the model delays nothing: want a loc") {
			t.Errorf("%s: %+v, %v", text, m, err)
		}
	}
	if err := new(network.Model).Validate(); err != nil {
		t.Errorf("the zero model: %v", err)
	}
	for _, text := range []string{`{"call":{"loc":[0,1]}}`, `{"return":{"scale":1}}`, `{"cold_start":{"loc":1e-9}}`, `{"reply_bytes_per_second":1}`,
		`{"request_bytes_per_second":1}`, `{"call":{"loc":[900000,-1]}}`} {
		if m, err := network.Read(strings.NewReader(text)); m == nil || err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}
