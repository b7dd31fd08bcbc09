package manifest

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDefaultDeployment(t *testing.T) {
	m := treeManifest()
	m.Shards[0].Memory = Memory{Weights: 100 << 20, Fixed: 48 << 20, PerRow: 100 << 10} // 100 + 48 + 100 MB
	m.Shards[1].Memory = Memory{Weights: 1 << 40}
	d := DefaultDeployment(m)
	if err := d.Validate(m); err != nil {
		t.Fatal(err)
	}
	if d.Coordinator.Name != "digits-coordinator" || d.Shards[1].Name != "digits-shard-001" || d.Reply != ReplyBase64 {
		t.Errorf("deployment %+v", d)
	}
	if got := []int{d.Shards[0].MemoryMB, d.Shards[1].MemoryMB, d.Coordinator.MemoryMB}; got[0] != 256 || got[1] != 10240 || got[2] != 320 {
		t.Errorf("memory of %v MB, want 256 (248 rounded up), 10240 (Lambda's most), 320 (the coordinator's own 256 and room)", got)
	}
	if d.Shards[0].TimeoutSeconds != 30 {
		t.Errorf("timeout %d s", d.Shards[0].TimeoutSeconds)
	}
}

func TestMemoryNeverWrapsAround(t *testing.T) {
	if got := memoryMB(Memory{Weights: math.MaxInt64, Fixed: math.MaxInt64, PerRow: math.MaxInt64}); got != maxMemoryMB {
		t.Errorf("%d MB, want %d", got, maxMemoryMB)
	}
}

func TestReadDeployment(t *testing.T) {
	m := treeManifest()
	path := filepath.Join(t.TempDir(), DeploymentFileName)
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	good, err := json.MarshalIndent(DefaultDeployment(m), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	write(string(good) + "\n")
	d, err := ReadDeployment(path, m)
	if err != nil {
		t.Fatal(err)
	}
	if d.Shards[1] != DefaultDeployment(m).Shards[1] {
		t.Errorf("read %+v", d)
	}
	for name, edit := range map[string][2]string{
		"unknown member": {`"reply"`, `"answer": 1, "reply"`},
		"duplicate":      {`"reply"`, `"reply": "raw", "reply"`},
		"format":         {DeploymentFormat, "shardwise-deployment/9"},
		"trailing data":  {`"base64"`, `"base64"}{"a":1`},
	} {
		if !strings.Contains(string(good), edit[0]) {
			t.Fatalf("the deployment lacks %s", edit[0])
		}
		write(strings.Replace(string(good), edit[0], edit[1], 1))
		if _, err := ReadDeployment(path, m); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v, want one that names the file", name, err)
		}
	}
}

func TestDeploymentReportsAllFaultsAtOnce(t *testing.T) {
	m := treeManifest()
	d := DefaultDeployment(m)
	d.Model = "other"
	d.Reply = "xml"
	d.Coordinator.Name = "a b"
	d.Coordinator.MemoryMB = 64
	d.Shards[0].TimeoutSeconds = 901
	d.Shards[0].EphemeralMB = 100
	d.Shards[1].Name = d.Shards[0].Name
	d.Shards[1].ReservedConcurrency = -1
	d.Shards = append(d.Shards, d.Shards[0])
	d.Shards[2].Name = "third"
	want := []string{"/model", "/reply", "/shards", "/coordinator/name", "/coordinator/memory_mb", "/shards/0/timeout_seconds", "/shards/0/ephemeral_mb",
		"/shards/1/name", "/shards/1/reserved_concurrency"}
	var invalid *InvalidError
	if err := d.Validate(m); !errors.As(err, &invalid) {
		t.Fatalf("error %v, want an *InvalidError", err)
	}
	for _, path := range want {
		if !hasFault(invalid, path) {
			t.Errorf("no fault at %s in %v", path, invalid)
		}
	}
}

func hasFault(e *InvalidError, path string) bool {
	for _, f := range e.Faults {
		if f.Path == path {
			return true
		}
	}
	return false
}

func TestStoresReadBackWhatTheyWrite(t *testing.T) {
	for _, s := range []Store{{"abc", "p"}, {"my.bucket-1", "teams/a_b/shard=wise.1"}} {
		if got, err := ParseStore(s.String()); err != nil || got != s {
			t.Errorf("%v: %v, %v", s, got, err)
		}
		m := treeManifest()
		d := DefaultDeployment(m)
		if d.Store != nil {
			t.Error("the default deployment has a store")
		}
		d.Store = &s
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Validate(m); err != nil {
			t.Error(err)
		}
		if got, err := DecodeDeployment(text); err != nil || *got.Store != s {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
		if err := conforms(t, compile(t, deploymentSchema), text); err != nil {
			t.Error(err)
		}
	}
	for _, text := range []string{"", "s3://", "s3://bucket", "s3://bucket/", "s3://b/p", "https://bucket/p", "s3://bucket/p/", "s3://bucket//p", "s3://bucket/a b"} {
		if s, err := ParseStore(text); err == nil {
			t.Errorf("%q was read as %+v", text, s)
		}
	}
}

func TestDeploymentsOfOtherKindsOfValuesAreRefusedByField(t *testing.T) {
	for text, want := range map[string]string{
		`{"format": 1}`: `format: wanted text in quotes, found 1`,
		`{"format": "` + DeploymentFormat + `", "shards": [{"memory_mb": "512"}]}`: `shards[0].memory_mb: wanted a whole number of at most 64 bits, found "512"`,
		`{"format": "` + DeploymentFormat + `", "coordinator": {"memory": 1}}`:     `coordinator: unknown field "memory", wanted one of `,
	} {
		if _, err := DecodeDeployment([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: error %v, wanted %s", text, err, want)
		}
	}
}
