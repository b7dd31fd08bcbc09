package states_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shardwise/shardwise/simulator/states"
)

// TestNoMoreThanTenThousandChildrenRunAtOnce has one child more, which waits for another.
func TestNoMoreThanTenThousandChildrenRunAtOnce(t *testing.T) {
	if raceDetector {
		t.Skip("the detector allows 8,128 goroutines")
	}
	synctest.Test(t, func(t *testing.T) {
		s, err := states.New(states.Config{Objects: newBucket(map[string]string{"items": strings.Repeat("1\n", 10001)})})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		rest := `,"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","Parameters":{"Bucket":"bkt","Key":"items"},"ReaderConfig":{"InputType":"JSONL"}}`
		begun := time.Now()
		arn := begin(t, s, create(t, s, "m", "STANDARD", one(distributed("EXPRESS", `{"Type":"Wait","Seconds":100,"End":true}`, rest))), "{}")
		time.Sleep(50 * time.Second)
		run := call(t, s, "ListMapRuns", map[string]any{"executionArn": arn})["mapRuns"].([]any)[0].(map[string]any)["mapRunArn"]
		if c := call(t, s, "DescribeMapRun", map[string]any{"mapRunArn": run})["executionCounts"].(map[string]any); c["running"] != 10000.0 || c["pending"] != 1.0 {
			t.Errorf("%v", c)
		}
		if out := wait(t, s, arn); out["status"] != "SUCCEEDED" || time.Since(begun) < 200*time.Second {
			t.Errorf("%v after %s", out["status"], time.Since(begun))
		}
	})
}

// TestTenThousandChildren runs Map Runs of AWS's largest width.
func TestTenThousandChildren(t *testing.T) {
	n := 10000
	if raceDetector {
		n = 2000 // the detector makes each child some ten times as expensive
	}
	var lines strings.Builder
	for i := range n {
		fmt.Fprintf(&lines, "{\"i\":%d}\n", i)
	}
	for _, kind := range []string{"STANDARD", "EXPRESS"} {
		t.Run(kind, func(t *testing.T) {
			var calls, now, most atomic.Int64
			lambda := functions{"f": func(p any) (any, error) {
				for at := now.Add(1); at > most.Load(); {
					most.Store(at)
				}
				defer now.Add(-1)
				calls.Add(1)
				time.Sleep(5 * time.Millisecond)
				return p, nil
			}}
			s := start(t, states.Config{Lambda: lambda, Objects: newBucket(map[string]string{"items": lines.String()}), Dir: t.TempDir()})
			rest := `,"MaxConcurrency":100,"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","Parameters":{"Bucket":"bkt","Key":"items"},"ReaderConfig":{"InputType":"JSONL"}},
				"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"bkt","Prefix":"out"},"WriterConfig":{"Transformation":"COMPACT","OutputType":"JSON"}}`
			begun := time.Now()
			arn := begin(t, s, create(t, s, "m", "STANDARD", one(distributed(kind, `{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:f","End":true}`, rest))), "{}")
			out := wait(t, s, arn)
			if out["status"] != "SUCCEEDED" || calls.Load() != int64(n) || most.Load() > 100 {
				t.Fatalf("%v; %d calls, %d at once", out, calls.Load(), most.Load())
			}
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			t.Logf("%d %s children in %s, at most %d at once, %d MiB of heap afterwards", n, kind, time.Since(begun).Round(time.Millisecond), most.Load(), m.HeapAlloc>>20)
		})
	}
}
