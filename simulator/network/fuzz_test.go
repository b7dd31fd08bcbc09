package network_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/shardwise/shardwise/simulator/network"
)

// FuzzRead holds that whatever is read is valid, draws no negative delay, and survives being written.
func FuzzRead(f *testing.F) {
	built, err := json.Marshal(network.Gillis())
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{string(built), `{}`, `{"call":{"loc":[1e308,1e308]}}`, `{"call":{"loc":[1,1e308],"scale":[5,-1e308]}}`, `{"unit_bytes":1e-300,"return":{"loc":[0,5]}}`, `{"call":{"loc":[]}}`, `{"call":{"loc":[1,2,3]}}`, `{"unit_bytes":1e-300}`, `[`, `{"call":{"shape":-0}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		m, err := network.Read(bytes.NewReader(p))
		if err != nil {
			return
		}
		trip := m.Trip(network.Source(1, "f", 1))
		if out, back := trip.Request(1<<20), trip.Reply(1<<20); out < 0 || back < 0 || trip.Part(5) < 0 || m.Cold(network.Source(1, "f", 1), 1<<40) < 0 {
			t.Errorf("request %v, reply %v", out, back)
		}
		again, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := network.Read(bytes.NewReader(again)); err != nil || *back != *m {
			t.Errorf("written as %s, read as %+v (%v)", again, back, err)
		}
	})
}
