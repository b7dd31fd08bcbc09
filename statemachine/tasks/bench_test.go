package tasks_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/internal/dataset"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/shardtest"
	"github.com/shardwise/shardwise/shard/wire"
	"github.com/shardwise/shardwise/splitter"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/statemachine"
	"github.com/shardwise/shardwise/statemachine/tasks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const bucket = "batches"

// bench is a model directory whose functions are called in this process, with objects in memory.
type bench struct {
	t           testing.TB
	dir         string
	manifest    *manifest.Manifest
	fingerprint string
	deployment  *manifest.Deployment
	store       *memory
	handler     *tasks.Handler
	shards      []*shard.Server
	broken      func(shard int, row float64) error
	twice       bool
}

func newBench(t testing.TB, model string, shards int) *bench {
	t.Helper()
	return newBenchOf(t, model, layout.Options{Shards: shards})
}

func newBenchOf(t testing.TB, model string, o layout.Options) *bench {
	t.Helper()
	b := &bench{t: t, dir: filepath.Join(t.TempDir(), "parts"), store: &memory{objects: map[string][]byte{}}}
	if _, err := splitter.Split(t.Context(), filepath.Join("..", "..", "examples", model), b.dir, o, nil); err != nil {
		t.Fatal(err)
	}
	var err error
	if b.manifest, b.fingerprint, err = manifest.Read(filepath.Join(b.dir, manifest.FileName)); err != nil {
		t.Fatal(err)
	}
	if b.deployment, err = manifest.ReadDeployment(filepath.Join(b.dir, manifest.DeploymentFileName), b.manifest); err != nil {
		t.Fatal(err)
	}
	if b.handler, err = tasks.Open(b.dir, b.store, coordinator.Options{}, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.handler.Close(); err != nil {
			t.Error(err)
		}
	})
	for i := range b.manifest.Shards {
		s, err := shard.Open(b.dir, i, shard.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		b.shards = append(b.shards, s)
	}
	return b
}

// invoke answers as the function of that name would.
func (b *bench) invoke(function string, payload []byte) ([]byte, error) {
	name, alias, _ := strings.Cut(function, ":")
	if alias != manifest.Alias(b.fingerprint) {
		return nil, fmt.Errorf("function %s is invoked at %q", name, alias)
	}
	if name == statemachine.TasksFunction(b.manifest).Name {
		return b.handler.Handle(b.t.Context(), payload)
	}
	for i, f := range b.deployment.Shards {
		if f.Name == name {
			return b.byReference(i, payload)
		}
	}
	return nil, fmt.Errorf("no function %s", name)
}

// byReference takes a shard's request by reference, and its reply likewise.
func (b *bench) byReference(i int, payload []byte) ([]byte, error) {
	var r map[string]any
	if err := json.Unmarshal(payload, &r); err != nil {
		return nil, err
	}
	if b.broken != nil {
		if err := b.broken(i, r["row"].(float64)); err != nil {
			return nil, err
		}
	}
	in, err := b.store.at("open", bucket, r["ref"].(string))
	if err != nil {
		return nil, err
	}
	if r["reply"] != "ref" || float64(len(in)) != r["ref_bytes"].(float64) {
		return nil, fmt.Errorf("wanted %v bytes and a reply by reference, found %d", r["ref_bytes"], len(in))
	}
	key := r["reply_key"].(string)
	for _, name := range []string{"ref", "ref_bytes", "ref_sha256", "reply_key"} {
		delete(r, name)
	}
	r["reply"], r["body"] = wire.ReplyRaw, in
	inline, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	reply, err := b.shards[i].Handle(b.t.Context(), inline)
	if err != nil {
		return nil, err
	}
	return []byte(`{"ref":"` + key + `"}`), b.store.Put(b.t.Context(), bucket, key, reply)
}

// job puts a table into the store and describes a batch over it.
func (b *bench) job(format dataset.Format, table []byte, to dataset.Format, rows int) statemachine.Job {
	b.store.objects["in/table"] = table
	return statemachine.Job{ID: "one", Store: statemachine.Place{Bucket: bucket, Prefix: "p/one"}, BlockRows: rows,
		Input: statemachine.Table{Bucket: "in", Key: "table", Format: string(format)}, Output: statemachine.Table{Bucket: "out", Key: "answers", Format: string(to)}}
}

// run runs a batch as Step Functions would.
func (b *bench) run(job statemachine.Job, o statemachine.Options) (*tasks.Summary, *machine, error) {
	b.t.Helper()
	def, _, err := statemachine.Definition(b.manifest, b.fingerprint, b.deployment, o)
	if err != nil {
		b.t.Fatal(err)
	}
	text, err := def.Encode()
	if err != nil {
		b.t.Fatal(err)
	}
	var parsed object
	var input any
	data, _ := json.Marshal(job)
	if err := errors.Join(json.Unmarshal(text, &parsed), json.Unmarshal(data, &input)); err != nil {
		b.t.Fatal(err)
	}
	m := &machine{invoke: b.invoke, read: func(bucket, key string) ([]byte, error) { return b.store.at("open", bucket, key) }, twice: b.twice}
	out, err := m.run(parsed, input, nil)
	if err != nil {
		return nil, m, err
	}
	var s tasks.Summary
	data, _ = json.Marshal(out)
	if err := json.Unmarshal(data, &s); err != nil {
		b.t.Fatal(err)
	}
	return &s, m, nil
}

// synchronous is the file that the coordinator's answer makes.
func (b *bench) synchronous(table []byte, format, to dataset.Format, outputs []string) []byte {
	b.t.Helper()
	r, err := dataset.OpenBytes("table", table, format, b.manifest.Signature, dataset.Options{})
	if err != nil {
		b.t.Fatal(err)
	}
	in, err := r.Next(1 << 20)
	if err != nil {
		b.t.Fatal(err)
	}
	c, err := coordinator.Open(b.dir, coordinator.Options{Invoker: shardtest.New(b.t, b.dir)})
	if err != nil {
		b.t.Fatal(err)
	}
	defer c.Close()
	result, err := c.Run(b.t.Context(), coordinator.Request{Inputs: in, Outputs: outputs})
	if err != nil {
		b.t.Fatal(err)
	}
	declared, err := b.manifest.ResolveOutputs(outputs)
	if err != nil {
		b.t.Fatal(err)
	}
	var file bytes.Buffer
	if err := dataset.Encode(&file, "wanted", to, declared, result.Outputs); err != nil {
		b.t.Fatal(err)
	}
	return file.Bytes()
}

func example(t testing.TB, model string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "examples", model, "input.csv"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// converted writes a table of CSV in another format of inputs.
func converted(t *testing.T, b *bench, table []byte, to dataset.Format) []byte {
	t.Helper()
	r, err := dataset.OpenBytes("table", table, dataset.CSV, b.manifest.Signature, dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	in, err := r.Next(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	var outputs []manifest.Output
	for _, i := range b.manifest.Signature.Inputs {
		outputs = append(outputs, manifest.Output{Name: i.Name, DType: i.DType, Shape: i.Shape})
	}
	var file bytes.Buffer
	if err := dataset.Encode(&file, "table", to, outputs, in); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}
