package shardfile

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// stripes is how many chunks may be checked at the same time.
const stripes = 16

// checker remembers which chunks of a mapping have been found right. Chunks that have are recognised without a lock.
type checker struct {
	covered []byte // the bytes before the table
	sums    []byte // the table
	size    int
	good    []atomic.Uint64 // one bit a chunk
	locks   [stripes]sync.Mutex
	checked atomic.Int64 // chunks read, for tests
}

func newChecker(covered, sums []byte, size int) *checker {
	n := len(sums) / 4
	return &checker{covered: covered, sums: sums, size: size, good: make([]atomic.Uint64, (n+63)/64)}
}

// check makes sure of the chunks that hold bytes [begin, end) of the file. It returns the index of the first wrong one
// with the reason, or -1.
func (c *checker) check(begin, end int) (chunk int, reason string) {
	if begin >= end {
		return -1, ""
	}
	for i := begin / c.size; i <= (end-1)/c.size; i++ {
		if c.good[i/64].Load()&(1<<(i%64)) != 0 {
			continue
		}
		if reason := c.chunk(i); reason != "" {
			return i, reason
		}
	}
	return -1, ""
}

func (c *checker) chunk(i int) string {
	lock := &c.locks[i%stripes]
	lock.Lock()
	defer lock.Unlock()
	if c.good[i/64].Load()&(1<<(i%64)) != 0 {
		return ""
	}
	c.checked.Add(1)
	got, fault := sumMapped(c.covered[i*c.size : min((i+1)*c.size, len(c.covered))])
	if fault != "" {
		return fault
	}
	if want := binary.LittleEndian.Uint32(c.sums[4*i:]); got != want {
		return fmt.Sprintf("its CRC32C is %08x, wanted %08x", got, want)
	}
	c.good[i/64].Or(1 << (i % 64))
	return ""
}

// sumMapped sums mapped memory. A file that was cut short, or that the disk cannot read, becomes a reason, not a
// crash of the process.
func sumMapped(b []byte) (sum uint32, fault string) {
	defer guard(&fault)()
	return crc32.Checksum(b, castagnoli), ""
}

// guard makes a fault of the calling goroutine a reason until the returned function runs, which must be deferred.
func guard(fault *string) func() {
	old := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(old)
		switch r := recover().(type) {
		case nil:
		case interface{ Addr() uintptr }:
			*fault = fmt.Sprintf("it cannot be read (%v): cut short while in use, or a disk error", r)
		default:
			panic(r)
		}
	}
}
