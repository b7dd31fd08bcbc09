package coordinator

import (
	"path/filepath"
	"sync"
	"time"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/assets"
	"github.com/shardwise/shardwise/shard/byref"
)

// Options are what a Coordinator needs beside its files. Invoker is required.
type Options struct {
	Invoker Invoker
	Policy  Policy
	Engines []engine.Engine // for local programs; nil: those of the binary
	// Store is where payloads lie that are too large for a message. When it is zero, Connect is given the store that
	// deployment.json names, if it names one; without either, such payloads are errors.
	Store   byref.Where
	Connect func(manifest.Store) (byref.Where, error)
}

// Coordinator answers requests for one model. It is safe for concurrent use.
type Coordinator struct {
	manifest    *manifest.Manifest
	fingerprint string
	deployment  *manifest.Deployment
	targets     []Target // by shard
	local       *assets.Set
	invoker     Invoker
	policy      Policy
	store       *byref.Store // nil: none
	payloads    sync.Pool    // of *[]byte: encoded requests that have been answered
}

// Open opens the coordinator's part of the model directory dir: manifest, deployment and local files. It invokes
// nothing. The error is an *shard.Error.
func Open(dir string, o Options) (*Coordinator, error) {
	if o.Invoker == nil {
		return nil, config("no way to reach shards was given; set Options.Invoker", nil)
	}
	if err := o.Policy.Validate(); err != nil {
		return nil, config("", err)
	}
	m, fingerprint, err := shard.ReadManifest(dir)
	if err != nil {
		return nil, err
	}
	d, err := manifest.ReadDeployment(filepath.Join(dir, manifest.DeploymentFileName), m)
	if err != nil {
		return nil, config("deployment", err)
	}
	if o.Engines == nil {
		o.Engines = shard.Engines(shard.Libraries{})
	}
	c := &Coordinator{manifest: m, fingerprint: fingerprint, deployment: d, invoker: o.Invoker, policy: o.Policy.Defaults()}
	if c.store, err = o.store(d, fingerprint); err != nil {
		return nil, err
	}
	if c.policy.Deadline == 0 {
		c.policy.Deadline = time.Duration(d.Coordinator.TimeoutSeconds) * time.Second
	}
	for _, f := range d.Shards {
		c.targets = append(c.targets, Target{Function: f.Name, Qualifier: manifest.Alias(fingerprint)})
	}
	var files []manifest.File
	var programs []manifest.Program
	if m.Local != nil {
		files, programs = m.Local.Files, m.Local.Programs
	}
	c.local, err = assets.Open(dir, files, programs, o.Engines)
	if err != nil {
		return nil, &shard.Error{Op: "open", Kind: shard.OpenKind(err), Message: "the coordinator's own files", Cause: err}
	}
	return c, nil
}

// store is the model's part of the store, nil for none.
func (o *Options) store(d *manifest.Deployment, fingerprint string) (*byref.Store, error) {
	where := o.Store
	if where.Objects == nil && d.Store != nil {
		if o.Connect == nil {
			return nil, config("deployment.json names the store "+d.Store.String()+", and there is no way to reach it; set Options.Connect", nil)
		}
		var err error
		if where, err = o.Connect(*d.Store); err != nil {
			return nil, config("the store "+d.Store.String(), err)
		}
	}
	return where.Of(fingerprint), nil
}

func config(message string, cause error) error {
	return &shard.Error{Op: "open", Kind: shard.Config, Message: message, Cause: cause}
}

// attemptTimeout bounds one invocation of shard s.
func (c *Coordinator) attemptTimeout(s int) time.Duration {
	if c.policy.AttemptTimeout > 0 {
		return c.policy.AttemptTimeout
	}
	return time.Duration(c.deployment.Shards[s].TimeoutSeconds)*time.Second + startTime
}

// Manifest is the model's; callers must not change it.
func (c *Coordinator) Manifest() *manifest.Manifest { return c.manifest }

// Deployment is the model's; callers must not change it.
func (c *Coordinator) Deployment() *manifest.Deployment { return c.deployment }

// Fingerprint is the model's.
func (c *Coordinator) Fingerprint() string { return c.fingerprint }

// Close unmaps the coordinator's files. No request may be under way.
func (c *Coordinator) Close() error { return c.local.Close() }
