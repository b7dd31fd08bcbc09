package faults_test

import (
	"bytes"
	"testing"

	"github.com/shardwise/shardwise/simulator/faults"
)

// FuzzRead holds that whatever is read is valid and can be applied.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{`{"rules":[{"fault":"kill","first":1,"every":2,"after":3,"count":4,"probability":0.5,"delay_ms":900000}]}`,
		`{"rules":[{"fault":"corrupt","bits":1024,"function":"[a-z]*"}]}`, `{"rules":[]}`, `{"rules":[{"fault":"slow","delay_ms":900001}]}`, `{"rules":[{}]}`, `{`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		plan, err := faults.Read(bytes.NewReader(p))
		if err != nil {
			return
		}
		in := faults.New(plan, 1)
		for range 5 {
			if s := in.Next("f"); s != nil {
				s.Flip(make([]byte, 3))
			}
		}
		for _, c := range in.Counts() {
			if c.Fired > c.Seen || c.Rule.Count > 0 && c.Fired > c.Rule.Count {
				t.Errorf("%+v", c)
			}
		}
	})
}
