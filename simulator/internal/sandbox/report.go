//go:build unix

package sandbox

import (
	"bytes"
	"fmt"
	"time"
)

// end closes the log of an invocation with Lambda's END and REPORT lines and
// returns the tail, if it was asked for.
func (j *journal) end(inv *Invocation, r *Result, failed *failure) []byte {
	j.drain()
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.listening() {
		j.requestID = ""
		return nil
	}
	j.note("END RequestId: %s", inv.RequestID)
	j.note("%s", report(j.spec, inv.RequestID, r, failed))
	if failed != nil && failed.kind == typeExit {
		j.note("RequestId: %s Error: %s\n%s", inv.RequestID, failed.message, failed.kind)
	}
	j.requestID = ""
	if !j.wanted {
		return nil
	}
	j.wanted = false
	return bytes.Clone(j.tail)
}

// Billed is the time that is paid for, rounded up to a whole millisecond. INIT is
// billed for custom runtimes, which these all are.
func (r *Result) Billed() time.Duration {
	return (r.Duration + r.Init + time.Millisecond - 1).Truncate(time.Millisecond)
}

// report words the REPORT line.
func report(spec *Spec, id string, r *Result, failed *failure) string {
	line := fmt.Sprintf("REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %d ms\tMemory Size: %d MB\tMax Memory Used: %d MB\t",
		id, milliseconds(r.Duration), r.Billed().Milliseconds(), spec.MemoryMB, (r.Memory+1<<20-1)>>20)
	if r.Init > 0 {
		line += fmt.Sprintf("Init Duration: %.2f ms\t", milliseconds(r.Init))
	}
	switch {
	case failed == nil:
	case failed.kind == typeTimeout:
		line += "Status: timeout\t"
	case failed.kind == typeExit:
		line += "Status: error\tError Type: " + failed.kind + "\t"
	}
	return line
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// initReport writes down an INIT that failed and will be tried again.
func (j *journal) initReport(took time.Duration, failed *failure) {
	j.mu.Lock()
	defer j.mu.Unlock()
	status := "error\tError Type: " + failed.kind
	if failed.kind == typeTimeout {
		status = "timeout"
	}
	j.note("INIT_REPORT Init Duration: %.2f ms\tPhase: init\tStatus: %s", milliseconds(took), status)
}

// memory measures the process at the end of an invocation and returns the most
// seen in this environment. It costs a file read, so it is done only when
// someone will read it, in a REPORT line or as an observer. Of a process that ended before anything
// was seen it is the kernel's own account.
func (j *journal) memory(i *instance) int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	if i == nil || !j.listening() && j.spec.Observe == nil {
		return j.peak
	}
	seen := i.meter.measure()
	if seen == 0 && i.hasExited() {
		seen = i.most()
	}
	j.peak = max(j.peak, seen)
	return j.peak
}
