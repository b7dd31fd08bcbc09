// Package clock tells the processor time that a thread has spent, which other processes cannot lengthen: benchmarks on busy
// machines compare with it. Only tests import it.
package clock
