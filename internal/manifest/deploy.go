package manifest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"regexp"

	"github.com/shardwise/shardwise/internal/jsondoc"
)

// Lambda's limits and this package's defaults for functions. Sources: AWS Lambda quotas.
const (
	minMemoryMB      = 128
	maxMemoryMB      = 10240
	memoryStepMB     = 64
	maxTimeout       = 900
	shardTimeout     = 30
	coordTimeout     = 90 // room for a whole attempt of 30 s and a cold start, and for another one after it
	minEphemeralMB   = 512
	maxEphemeralMB   = 10240
	maxFunctionName  = 64
	rowsInFlight     = 1024      // rows that the default memory has room for
	coordinatorBytes = 256 << 20 // a request and an answer of 6 MB in several forms, and four blocks of 16 MB under way
)

// Reply forms of Deployment.Reply.
const (
	ReplyBase64 = "base64"
	ReplyRaw    = "raw"
)

// DefaultDeployment is the deployment that the splitter writes: functions NAME-coordinator and NAME-shard-000 up, with
// memory for the weights, the fixed overhead and 1024 rows in flight, rounded up to 64 MB and kept within Lambda's
// limits. A shard has 30 s, and the coordinator 90 s: a shard that hangs is asked again while there is time, and one
// that is slow but healthy has its whole timeout.
func DefaultDeployment(m *Manifest) *Deployment {
	d := &Deployment{Format: DeploymentFormat, Model: m.Name, Reply: ReplyBase64, Shards: make([]Function, len(m.Shards))}
	local := Memory{Fixed: coordinatorBytes}
	if m.Local != nil {
		local = m.Local.Memory
		local.Fixed = max(local.Fixed, coordinatorBytes)
	}
	d.Coordinator = Function{Name: m.Name + "-coordinator", MemoryMB: memoryMB(local), TimeoutSeconds: coordTimeout}
	for i, s := range m.Shards {
		d.Shards[i] = Function{Name: fmt.Sprintf("%s-shard-%03d", m.Name, i), MemoryMB: memoryMB(s.Memory), TimeoutSeconds: shardTimeout}
	}
	return d
}

// memoryMB computes in float64: the sum of valid estimates may exceed an int64, and whole megabytes need no more digits.
func memoryMB(e Memory) int {
	mb := (float64(e.Weights) + float64(e.Fixed) + rowsInFlight*float64(e.PerRow)) / (1 << 20)
	steps := math.Ceil(mb / memoryStepMB)
	return int(min(max(steps*memoryStepMB, minMemoryMB), maxMemoryMB))
}

// ReadDeployment reads the deployment file at path: strict JSON in any layout, without unknown members. It is checked
// against its manifest.
func ReadDeployment(path string, m *Manifest) (*Deployment, error) {
	data, err := readBounded(path)
	if err != nil {
		return nil, fmt.Errorf("read deployment: %w", err)
	}
	d, err := DecodeDeployment(data)
	if err == nil {
		err = d.Validate(m)
	}
	if err != nil {
		return nil, fmt.Errorf("read deployment %s: %w", path, err)
	}
	return d, nil
}

// DecodeDeployment decodes a deployment without validating it. Errors: *SyntaxError, *FormatError, and untyped ones
// for members that the format does not have.
func DecodeDeployment(data []byte) (*Deployment, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("the document has %d bytes, at most %d are read", len(data), MaxBytes)
	}
	if _, err := canonicalise(data); err != nil {
		return nil, err
	}
	var head struct {
		Format string `json:"format"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, cmp.Or(jsondoc.Check(data, &Deployment{}), err)
	}
	if head.Format != DeploymentFormat {
		return nil, &FormatError{Want: DeploymentFormat, Found: head.Format}
	}
	d := new(Deployment)
	if err := decodeExactly(data, d); err != nil {
		return nil, err
	}
	return d, nil
}

var functionName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// Validate checks the deployment against Lambda's limits and against its manifest. All faults are reported at once, as
// an *InvalidError.
func (d *Deployment) Validate(m *Manifest) error {
	c := &checker{}
	if d.Format != DeploymentFormat {
		c.fail("/format", "is %.80q, wanted %q", d.Format, DeploymentFormat)
	}
	if d.Model != m.Name {
		c.fail("/model", "is %.80q, the manifest's name is %q", d.Model, m.Name)
	}
	if d.Reply != ReplyBase64 && d.Reply != ReplyRaw {
		c.fail("/reply", "is %.80q, wanted %q or %q", d.Reply, ReplyBase64, ReplyRaw)
	}
	if len(d.Shards) != len(m.Shards) {
		c.fail("/shards", "has %d functions, the manifest has %d shards", len(d.Shards), len(m.Shards))
	}
	if d.Store != nil {
		if fault := d.Store.fault(); fault != "" {
			c.fail("/store", "%s", fault)
		}
	}
	seen := map[string]bool{}
	c.function("/coordinator", d.Coordinator, seen)
	for i, f := range d.Shards {
		c.function(at("/shards").index(i), f, seen)
	}
	return c.err("deployment")
}

func (c *checker) function(p at, f Function, seen map[string]bool) {
	switch {
	case len(f.Name) > maxFunctionName || !functionName.MatchString(f.Name):
		c.fail(p.key("name"), "is %.80q; a function name has 1 to %d letters, digits, - and _", f.Name, maxFunctionName)
	case seen[f.Name]:
		c.fail(p.key("name"), "%q names two functions", f.Name)
	}
	seen[f.Name] = true
	if f.MemoryMB < minMemoryMB || f.MemoryMB > maxMemoryMB {
		c.fail(p.key("memory_mb"), "is %d, wanted %d to %d", f.MemoryMB, minMemoryMB, maxMemoryMB)
	}
	if f.TimeoutSeconds < 1 || f.TimeoutSeconds > maxTimeout {
		c.fail(p.key("timeout_seconds"), "is %d, wanted 1 to %d", f.TimeoutSeconds, maxTimeout)
	}
	if f.EphemeralMB != 0 && (f.EphemeralMB < minEphemeralMB || f.EphemeralMB > maxEphemeralMB) {
		c.fail(p.key("ephemeral_mb"), "is %d, wanted %d to %d, or nothing for the default", f.EphemeralMB, minEphemeralMB, maxEphemeralMB)
	}
	if f.ReservedConcurrency < 0 {
		c.fail(p.key("reserved_concurrency"), "is %d, wanted 1 or more, or nothing for none", f.ReservedConcurrency)
	}
}
