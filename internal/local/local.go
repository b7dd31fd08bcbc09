package local

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/shardwise/shardwise/coordinator/awslambda"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/objects/awss3"
	"github.com/shardwise/shardwise/shard/byref"
	"github.com/shardwise/shardwise/simulator"
	"github.com/shardwise/shardwise/simulator/faults"
	"github.com/shardwise/shardwise/simulator/network"
)

// Model is a model directory's contracts.
type Model struct {
	Dir         string
	Manifest    *manifest.Manifest
	Deployment  *manifest.Deployment
	Fingerprint string
}

// Config says what to run and how.
type Config struct {
	Model *Model
	// Bootstrap is the executable that every function runs under the name bootstrap.
	Bootstrap string
	// Tasks is a batch's own function, served beside the model's when its name is not empty, and TasksHandler the value of
	// _HANDLER under which Bootstrap knows it.
	Tasks        manifest.Function
	TasksHandler string
	// Env are variables that every function gets beside Lambda's own; nil for none.
	Env map[string]string
	// Addr is the endpoint's listening address; "127.0.0.1:0" if empty.
	Addr string
	// TempDir is the parent of temporary folders; os.TempDir() if empty.
	TempDir string
	// Log receives every log line of every function; may be called concurrently; nil discards them.
	Log func(simulator.LogLine)

	// Network, Faults, Seed and MemoryLimit are those of simulator.Config.
	Network     *network.Model
	Faults      *faults.Plan
	Seed        uint64
	MemoryLimit bool
	// Observer is told of environments and invocations; nil for none.
	Observer simulator.Observer
	// Page is served below simulator.PagePath; nil for none.
	Page http.Handler

	// StepFunctions are served beside Lambda; nil for none.
	StepFunctions *simulator.StepFunctions
	// ObjectsDir is where S3's objects lie, and stay; "" for a temporary folder.
	ObjectsDir string
}

// Deployment is a model directory whose functions can be invoked. It is safe for concurrent use.
type Deployment struct {
	*Model
	Functions []simulator.Function // coordinator first, then the shards, then a batch's own

	sim    *simulator.Simulator
	client *awslambda.Client
	store  *byref.Store
	idle   func()
	ledger *ledger
}

// Load reads and validates the contracts of a model directory. Its other files are not looked at; see CheckFiles.
func Load(dir string) (*Model, error) {
	path := filepath.Join(dir, manifest.FileName)
	m, fingerprint, err := manifest.Read(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s holds no %s; name a directory that split wrote, or a model file: %w", dir, manifest.FileName, err)
	}
	if err != nil {
		return nil, err
	}
	d, err := manifest.ReadDeployment(filepath.Join(dir, manifest.DeploymentFileName), m)
	if err != nil {
		return nil, err
	}
	return &Model{Dir: dir, Manifest: m, Deployment: d, Fingerprint: fingerprint}, nil
}

// Start begins to serve the model's functions. No process runs before a function is invoked. Ending ctx closes the
// deployment; the caller closes it as well, in any case.
func Start(ctx context.Context, c Config) (*Deployment, error) {
	m := c.Model
	if err := CheckFiles(m.Dir, m.Manifest); err != nil {
		return nil, err
	}
	d := &Deployment{Model: m, ledger: newLedger(c.Log),
		Functions: Functions(m.Dir, m.Manifest, m.Fingerprint, m.Deployment, c.Bootstrap)}
	if c.Tasks.Name != "" {
		d.Functions = append(d.Functions, tasksFunction(d.Functions[0], c.Tasks, c.TasksHandler))
	}
	store := StoreOf(m.Deployment)
	for i := range d.Functions {
		d.Functions[i].Env[envStore] = store.String()
		maps.Copy(d.Functions[i].Env, c.Env)
	}
	sim, err := simulator.Start(ctx, simulator.Config{Functions: d.Functions, Addr: c.Addr, Dir: c.TempDir, Log: d.ledger.line,
		Network: c.Network, Faults: c.Faults, Seed: c.Seed, MemoryLimit: c.MemoryLimit, Observer: c.Observer, Page: c.Page,
		StepFunctions: c.StepFunctions, ObjectsDir: c.ObjectsDir, FunctionURL: m.Deployment.Coordinator.Name + ":" + manifest.LiveAlias, Buckets: []string{store.Bucket}})
	if err != nil {
		return nil, err
	}
	d.sim = sim
	if err := d.connect(store); err != nil {
		return nil, errors.Join(err, sim.Close())
	}
	return d, nil
}

// StoreOf is the deployment's store, or one of this computer's own: what is too large for a message works here without being
// asked for.
func StoreOf(d *manifest.Deployment) manifest.Store {
	if d.Store != nil {
		return *d.Store
	}
	return manifest.Store{Bucket: "shardwise-local", Prefix: d.Model}
}

// connect makes the clients of the simulated services.
func (d *Deployment) connect(store manifest.Store) (err error) {
	keys := credentials.NewStaticCredentialsProvider("local", "local", "")
	d.client, err = awslambda.New(awslambda.Options{Region: simulator.DefaultRegion, Endpoint: d.sim.Endpoint(), FanOut: 2 * inFlight, Credentials: keys})
	if err != nil {
		return err
	}
	web := awslambda.NewHTTPClient(2 * inFlight)
	d.idle = web.CloseIdleConnections
	s3, err := awss3.New(awss3.Options{Region: simulator.DefaultRegion, Endpoint: d.sim.Endpoint(), Credentials: keys, Bucket: store.Bucket, HTTP: web})
	if err != nil {
		return err
	}
	d.store = byref.Where{Objects: s3, Bucket: store.Bucket, Prefix: store.Prefix}.Of(d.Fingerprint)
	return nil
}

// Store is where payloads go that are too large for a message, and where a batch's work lies.
func (d *Deployment) Store() manifest.Store { return StoreOf(d.Deployment) }

// Endpoint is the base URL of the simulated AWS services.
func (d *Deployment) Endpoint() string { return d.sim.Endpoint() }

// Done is closed when the deployment begins to end: by Close, by the end of Start's context, or by a fault, which Close then
// returns.
func (d *Deployment) Done() <-chan struct{} { return d.sim.Done() }

// Close ends every process and removes what Start made. It may be called more than once.
func (d *Deployment) Close() error {
	d.client.Close()
	d.idle()
	return d.sim.Close()
}

// Processes counts the processes that were started so far, by function.
func (d *Deployment) Processes() map[string]int { return d.ledger.processes() }

// Faults tells what each rule of Config.Faults has done so far.
func (d *Deployment) Faults() []faults.Count { return d.sim.Faults() }

// Bills sums what the functions' REPORT lines say so far, by function.
func (d *Deployment) Bills() map[string]Bill { return d.ledger.bills() }
