package states_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shardwise/shardwise/simulator/states"
)

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
