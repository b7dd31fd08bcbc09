//go:build unix

package simulator

import (
	"io"

	"github.com/shardwise/shardwise/simulator/faults"
	"github.com/shardwise/shardwise/simulator/internal/sandbox"
)

// Faults tells how often each rule of Config.Faults has seen an invocation and has fired, in the plan's order.
func (s *Simulator) Faults() []faults.Count { return s.faultsOnDemand.Counts() }

// strike gives an invocation the fault that it is to suffer. after is what to do with its result. The invocation is
// copied: another attempt of the same event may yet be read by a process that was given up.
func strike(inv *sandbox.Invocation, hit *faults.Strike) (_ *sandbox.Invocation, after func(*sandbox.Result)) {
	if hit == nil {
		return inv, func(*sandbox.Result) {}
	}
	mine := *inv
	switch hit.Fault {
	case faults.Kill:
		mine.Fault.Kind = sandbox.FaultKill
	case faults.Hang:
		mine.Fault.Kind = sandbox.FaultHang
	case faults.Slow:
		mine.Fault.Kind = sandbox.FaultLate
	case faults.Timeout:
		mine.Fault.Kind = sandbox.FaultExpire
	case faults.Oversize:
		mine.Fault.Kind = sandbox.FaultOversize
	case faults.Corrupt:
		if inv.Stream != nil {
			mine.Stream = &flipper{Writer: inv.Stream, hit: hit}
		}
		return &mine, func(r *sandbox.Result) {
			if !r.Failed { // a function error is Lambda's own document
				hit.Flip(r.Body)
			}
		}
	}
	mine.Fault.Delay = hit.Delay
	return &mine, func(*sandbox.Result) {}
}

// flipper corrupts the first part of a stream.
type flipper struct {
	io.Writer
	hit  *faults.Strike
	done bool
}

// Write flips the bits of the first part, which may belong to a buffer of the caller's: they are flipped in a copy.
func (f *flipper) Write(p []byte) (int, error) {
	if !f.done && len(p) > 0 {
		f.done = true
		p = append([]byte(nil), p...)
		f.hit.Flip(p)
	}
	return f.Writer.Write(p)
}
