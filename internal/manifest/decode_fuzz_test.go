package manifest

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzDecode: what is accepted encodes to the same bytes, and every mode and output has a plan.
func FuzzDecode(f *testing.F) {
	for _, m := range samples() {
		data := encode(f, m)
		f.Add(data)
		f.Add(data[:len(data)/2])
		f.Add(bytes.Replace(data, []byte(`"radix":16`), []byte(`"radix":9007199254740992`), 1))
		f.Add(bytes.Replace(data, []byte(`"shards":[0,1]`), []byte(`"shards":[9007199254740991,-1]`), 1))
		f.Add(bytes.Replace(data, []byte(`"bounds":[0,3,5]`), []byte(`"bounds":[0,3,9007199254740992]`), 1))
		f.Add(bytes.Replace(data, []byte(`"stage":{`), []byte(`"stage":{},"local":{`), 1))
	}
	f.Add([]byte(strings.Repeat(`{"steps":[`, 20)))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Decode(data)
		if err != nil {
			return
		}
		if again := encode(t, m); !bytes.Equal(again, data) {
			t.Fatalf("accepted %q, encoded as %q", data, again)
		}
		for _, mode := range append(m.Modes, AutoMode) {
			for _, out := range m.Signature.Outputs {
				if steps, err := m.StepsFor(mode, []string{out.Name}); err != nil || len(steps) == 0 {
					t.Fatalf("mode %s, output %q: %d steps, error %v", mode, out.Name, len(steps), err)
				}
			}
		}
		if err := DefaultDeployment(m).Validate(m); err != nil {
			t.Fatalf("the default deployment is not valid: %v", err)
		}
	})
}

// FuzzDecodeDeployment: what is accepted can be validated against any manifest.
func FuzzDecodeDeployment(f *testing.F) {
	f.Add([]byte(`{"format":"shardwise-deployment/1","model":"m","coordinator":{"name":"c","memory_mb":128,"timeout_seconds":30},"shards":[],"reply":"base64"}`))
	f.Add([]byte(`{"format":"shardwise-deployment/1","shards":[{},{"memory_mb":-1}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := DecodeDeployment(data)
		if err != nil {
			return
		}
		if err := d.Validate(treeManifest()); err == nil && len(d.Shards) != 2 {
			t.Fatalf("%q is valid for 2 shards", data)
		}
	})
}
