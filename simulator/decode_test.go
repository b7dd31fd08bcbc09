//go:build unix

package simulator

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// FuzzParseReference checks that whatever a path names, the parts found can be
// put together again into a name that means the same.
func FuzzParseReference(f *testing.F) {
	for _, seed := range []string{"", "f", "f:1", "f:$LATEST", "f:live", ":", "f:", "function:f", "function:function:f", "123456789012:function:f:1",
		"arn:aws:lambda:us-east-1:123456789012:function:f", "arn:aws-cn:lambda:cn-north-1:123456789012:function:f:live", "arn:aws:lambda:us-gov-west-1:123456789012:function:f",
		"us-east-1:f", "a.b", "a/b", "a b", "\x00", strings.Repeat("f", 170), strings.Repeat("f", 171)} {
		f.Add(seed, "")
		f.Add(seed, "live")
		f.Add(seed, "$LATEST")
	}
	f.Fuzz(func(t *testing.T, name, qualifier string) {
		ref, failed := parseReference(name, qualifier)
		if failed != nil {
			if failed.status != 400 || failed.code == "" || failed.message == "" {
				t.Fatalf("parseReference(%q, %q) failed with %+v", name, qualifier, failed)
			}
			return
		}
		if qualifier != "" && ref.qualifier != qualifier {
			t.Fatalf("parseReference(%q, %q) has qualifier %q", name, qualifier, ref.qualifier)
		}
		if ref.region == "" || ref.account == "" {
			return
		}
		again, failed := parseReference(functionARN(ref.region, ref.account, ref.name, ref.qualifier), "")
		if failed != nil || again != ref {
			t.Fatalf("%q means %+v, its arn means %+v (%v)", name, ref, again, failed)
		}
	})
}

// FuzzClientContext checks that an accepted context is one line of JSON with the
// value that was sent.
func FuzzClientContext(f *testing.F) {
	for _, seed := range []string{"", "{}", "{\"custom\":\n{\"k\":\"v\"}}", "null", "\"\r\n\"", "{", "\xff", "[1,\t2]", strings.Repeat(" ", 2687) + "1", strings.Repeat(" ", 2688) + "1"} {
		f.Add(base64.StdEncoding.EncodeToString([]byte(seed)))
	}
	f.Add("%")
	f.Fuzz(func(t *testing.T, encoded string) {
		line, failed := clientContext(encoded)
		if failed != nil || encoded == "" {
			return
		}
		sent, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil || len(encoded) > maxClientContext || strings.ContainsAny(line, "\r\n") {
			t.Fatalf("clientContext(%q) = %q, %v", encoded, line, err)
		}
		var a, b any
		if json.Unmarshal(sent, &a) != nil || json.Unmarshal([]byte(line), &b) != nil {
			t.Fatalf("clientContext(%q) = %q is not JSON", encoded, line)
		}
	})
}

// FuzzConfigurationChange checks that whatever a client asks for, a function is
// only ever changed into one that the simulator would have started with.
func FuzzConfigurationChange(f *testing.F) {
	for _, seed := range []string{"", "{}", "{}{}", "null", `{"Timeout":1}`, `{"Timeout":900}`, `{"Timeout":901}`, `{"Timeout":-9223372036854775808}`,
		`{"MemorySize":128}`, `{"MemorySize":10241}`, `{"MemorySize":1e99}`, `{"Handler":""}`, `{"Layers":[]}`,
		`{"Environment":null}`, `{"Environment":{"Variables":{"AB":"1"}}}`, `{"Environment":{"Variables":{"_HANDLER":"1"}}}`, `{"Environment":{"Variables":{"AB":"\u0000"}}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := http.NewRequest(http.MethodPut, "http://localhost/", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		var c change
		if readFields(r, &c) != nil {
			return
		}
		fn := Config{Functions: []Function{{Name: "f", Command: []string{"/bootstrap"}}}}.withDefaults().Functions[0]
		if failed := c.apply(&fn); failed != nil {
			if failed.status != 400 || failed.message == "" {
				t.Fatalf("%q failed with %+v", body, failed)
			}
			return
		}
		if err := (Config{Functions: []Function{fn}}).Validate(); err != nil || fn.Timeout < time.Second {
			t.Fatalf("%q was applied and gave %+v: %v", body, fn, err)
		}
	})
}
