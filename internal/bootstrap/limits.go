package bootstrap

import (
	"runtime"
	"runtime/debug"
	"strconv"
)

// mbPerCPU is the memory at which Lambda gives a function one virtual processor; the share grows in proportion.
const mbPerCPU = 1769

// limits are what the Go runtime is told about the function's size.
type limits struct {
	processors int   // 0: leave as it is
	memory     int64 // bytes; 0: leave as it is
}

// limitsOf derives the limits from the function's memory, which Lambda names in AWS_LAMBDA_FUNCTION_MEMORY_SIZE. The
// collector is asked to keep Go's memory within three quarters: Lambda kills a function at the whole, and buffers on
// their way through the kernel count too. Whoever sets GOMAXPROCS or GOMEMLIMIT has decided already.
func limitsOf(getenv func(string) string) limits {
	mb, err := strconv.Atoi(getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"))
	if err != nil || mb <= 0 {
		return limits{}
	}
	l := limits{processors: (mb + mbPerCPU - 1) / mbPerCPU, memory: int64(mb) << 20 / 4 * 3}
	if getenv("GOMAXPROCS") != "" {
		l.processors = 0
	}
	if getenv("GOMEMLIMIT") != "" {
		l.memory = 0
	}
	return l
}

// apply tells the runtime. It never raises the number of processors above what the machine has.
func (l limits) apply() {
	if l.processors > 0 && l.processors < runtime.GOMAXPROCS(0) {
		runtime.GOMAXPROCS(l.processors)
	}
	if l.memory > 0 {
		debug.SetMemoryLimit(l.memory)
	}
}
