package waterfall_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/shardwise/shardwise/internal/waterfall"
)

func TestOverlayCoversTheTimeOnce(t *testing.T) {
	parts := waterfall.Overlay(0, 10*ms, "own", []waterfall.Part{
		{Kind: waterfall.Waiting, Start: 2 * ms, End: 6 * ms}, {Kind: waterfall.Waiting, Start: 4 * ms, End: 8 * ms},
		{Kind: waterfall.Merging, Start: 5 * ms, End: 7 * ms}, {Kind: waterfall.Computing, Start: 9 * ms, End: 20 * ms}})
	var got []string
	for _, p := range parts {
		got = append(got, fmt.Sprintf("%s %v-%v", p.Label(), p.Start, p.End))
	}
	want := "own 0s-2ms, waiting for shards 2ms-5ms, merging 5ms-7ms, waiting for shards 7ms-8ms, own 8ms-9ms, computing 9ms-10ms"
	if strings.Join(got, ", ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), want)
	}
}

func TestOverlayNeverLeavesGapsOrOverlaps(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	kinds := []waterfall.Kind{waterfall.Waiting, waterfall.Loading, waterfall.Merging, waterfall.Computing}
	for range 500 {
		start, end := time.Duration(random.IntN(50)), time.Duration(50+random.IntN(50))
		var layers []waterfall.Part
		for range random.IntN(20) {
			from := time.Duration(random.IntN(120) - 10)
			layers = append(layers, waterfall.Part{Kind: kinds[random.IntN(4)], Start: from, End: from + time.Duration(random.IntN(30)-5)})
		}
		at := start
		for _, p := range waterfall.Overlay(start, end, "", layers) {
			if p.Start != at || p.End <= p.Start {
				t.Fatalf("a part from %d to %d follows one that ends at %d: %v", p.Start, p.End, at, layers)
			}
			at = p.End
		}
		if at != end && start < end {
			t.Fatalf("covered up to %d of %d: %v", at, end, layers)
		}
	}
}

// sample is a chart with a text that does harm where it is taken for markup.
func sample() waterfall.Chart {
	return waterfall.Chart{Title: "t </title><b>", Start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Total: 10 * ms, Facts: []waterfall.Fact{{Name: "rows", Value: "3"}},
		Lanes: []waterfall.Lane{{Group: "trees", Label: "shard 0/1", Spans: []waterfall.Span{
			{Name: "attempt 1", Start: 0, End: 4 * ms, Failed: true, Details: []waterfall.Fact{{Name: "error", Value: "</script><script>alert(1)</script>"}}},
			{Name: "attempt 2", Start: 2 * ms, End: 9 * ms, Cold: true, Parts: []waterfall.Part{{Kind: waterfall.Starting, Start: 3 * ms, End: 6 * ms}, {Kind: waterfall.Computing, Start: 6 * ms, End: 12 * ms}}},
			{Name: "attempt 3", Start: 9 * ms, End: 10 * ms},
		}}}}
}

func TestAPageRunsNoTextAsAScript(t *testing.T) {
	var b bytes.Buffer
	if err := waterfall.WriteHTML(&b, sample()); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	if n := strings.Count(page, "<script"); n != 2 || strings.Contains(page, "alert(1)</script>") || strings.Contains(page, "<b>") {
		t.Errorf("%d script elements in the page; a text of the chart became markup", n)
	}
	if !strings.Contains(page, "default-src 'none'; style-src 'sha256-") || strings.Contains(page, "src=\"") || strings.Contains(page, "http://") || strings.Contains(page, "https://") {
		t.Error("the page may load something from elsewhere")
	}
}

func TestTheChromeTraceNestsItsSlices(t *testing.T) {
	var b bytes.Buffer
	if err := waterfall.WriteChrome(&b, sample()); err != nil {
		t.Fatal(err)
	}
	var trace struct {
		Events []struct {
			Name, Cat, Ph string
			Time          float64 `json:"ts"`
			Dur           float64
			Pid, Tid      int
			Args          map[string]string
		} `json:"traceEvents"`
		Unit  string `json:"displayTimeUnit"`
		Other map[string]string
	}
	if err := json.Unmarshal(b.Bytes(), &trace); err != nil {
		t.Fatal(err)
	}
	threads, slices := map[int]string{}, map[string]int{}
	for i, e := range trace.Events {
		switch e.Ph {
		case "M":
			threads[e.Tid] = e.Args["name"]
		case "X":
			slices[e.Name] = e.Tid
			if e.Pid != 1 || threads[e.Tid] != "trees shard 0/1" {
				t.Errorf("slice %s is of thread %q", e.Name, threads[e.Tid])
			}
			for _, o := range trace.Events[:i] {
				overlap := o.Ph == "X" && o.Tid == e.Tid && o.Time < e.Time+e.Dur && e.Time < o.Time+o.Dur
				inside := o.Time <= e.Time && e.Time+e.Dur <= o.Time+o.Dur
				if overlap && !inside {
					t.Errorf("slice %s neither follows %s nor lies in it", e.Name, o.Name)
				}
			}
			if e.Name == "computing" && (e.Time != 6000 || e.Dur != 3000) {
				t.Errorf("computing runs from %v for %v µs; a part must end with its call", e.Time, e.Dur)
			}
			if e.Name == "attempt 1" && (e.Cat != "failed call" || !strings.Contains(e.Args["error"], "alert")) {
				t.Errorf("the failed attempt is %+v", e)
			}
		}
	}
	if len(slices) != 5 || slices["attempt 1"] == slices["attempt 2"] || slices["attempt 3"] != slices["attempt 1"] || trace.Unit != "ms" {
		t.Errorf("slices by thread: %v", slices)
	}
}
