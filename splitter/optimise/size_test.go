package optimise_test

import (
	"testing"
	"time"

	"github.com/shardwise/shardwise/splitter/optimise"
)

// The passes grow with the number of nodes: a hundred thousand, many of which read one constant, take seconds.
func TestManyNodesTakeSeconds(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	m := newMaker(t, 17)
	x, half, shape := m.input("x", "batch", 8), m.number(0.5), m.ints(-1, 8)
	for range 20_000 {
		x = m.op("Add", m.op("Tanh", m.op("Mul", m.op("Identity", m.op("Reshape", x, shape)), half)), half)
	}
	m.output(x)
	began := time.Now()
	done, err := optimise.Run(m.g, memory{})
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 60*time.Second || done.Removed < 20_000 {
		t.Errorf("%s in %v", done, took)
	} else {
		t.Logf("%s in %v", done, took)
	}
}
