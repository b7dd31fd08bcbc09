//go:build unix

package simulator

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shardwise/shardwise/simulator/internal/fleet"
	"github.com/shardwise/shardwise/simulator/internal/pool"
	"github.com/shardwise/shardwise/simulator/internal/sandbox"
	"github.com/shardwise/shardwise/simulator/internal/scaling"
	"github.com/shardwise/shardwise/simulator/internal/tasktree"
)

// function is a configured function with its versions, ready to be invoked.
type function struct {
	Function // as it was at the start

	rate     *scaling.Rate // of new environments
	made     atomic.Int64  // environments so far
	updating sync.Mutex    // held while a new $LATEST is made

	mu       sync.RWMutex
	versions map[string]*version
	retired  []*version // former $LATEST, which may yet serve invocations
	closed   bool
}

// version is one version of a function with its environments.
type version struct {
	Version
	spec *sandbox.Spec
	pool *pool.Pool[*sandbox.Environment]

	fleet         *fleet.Fleet[*sandbox.Environment] // started ahead, when asked for
	provisionedAs string                             // the qualifier that asked for it; guarded by function.updating
}

// lookup resolves a qualifier to a version, or returns nil.
func (f *function) lookup(qualifier string) *version {
	if qualifier == "" {
		qualifier = latest
	}
	if number, ok := f.Aliases[qualifier]; ok {
		qualifier = number
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.versions[qualifier]
}

// replace puts another version in the place of one with the same number, whose
// environments end when they are idle. It reports false, and does nothing, when
// the simulator is closing.
func (f *function) replace(v *version) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	old := f.versions[v.Number]
	f.versions[v.Number] = v
	f.retired = append(f.retired, old)
	old.pool.Retire()
	return true
}

// close returns every version that there is or was, and allows no other.
func (f *function) close() []*version {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	return append(slices.Collect(maps.Values(f.versions)), f.retired...)
}

// install lays out a function's versions below the simulator's directory.
func (s *Simulator) install(cfg Config, f Function) (*function, error) {
	fn := &function{Function: f, versions: map[string]*version{}, rate: scaling.New(cfg.ScalingRate)}
	for _, v := range f.published() {
		root := filepath.Join(s.dir.Path(), "task", fmt.Sprintf("%s.%s", f.Name, strings.TrimPrefix(v.Number, "$")))
		files := make([]tasktree.File, len(v.Files))
		for i, file := range v.Files {
			files[i] = tasktree.File(file)
		}
		if err := tasktree.Lay(root, files); err != nil {
			return nil, fmt.Errorf("install function %s:%s: %w", f.Name, v.Number, err)
		}
		fn.versions[v.Number] = s.newVersion(fn, f, v, root)
	}
	return fn, nil
}

// newVersion makes a version of fn that is configured as f and v say, without
// environments yet.
func (s *Simulator) newVersion(fn *function, f Function, v Version, root string) *version {
	spec := &sandbox.Spec{
		Function: f.Name, Version: v.Number, Handler: v.Handler, Command: v.Command, Root: root,
		Environ: environ(s.cfg, f, v, root, s.endpoint), MemoryMB: f.MemoryMB, StorageMB: f.EphemeralMB, Timeout: f.Timeout, InitTimeout: s.cfg.InitTimeout,
		Freeze: !s.cfg.NoFreeze, Limited: s.cfg.MemoryLimit,
		Process: s.guard.Attr, Log: logSink(s.cfg.Log), Grace: sigtermGrace, Observe: s.watch(f.Name, v.Number),
	}
	bytes := sizeOf(v.Files)
	return &version{Version: v, spec: spec, pool: pool.New(s.cfg.IdleTimeout, s.environments(fn, spec, bytes), s.background),
		fleet: fleet.New(func() (*sandbox.Environment, error) { return s.newEnvironment(fn, aheadOf(spec), bytes) }, s.background)}
}

// sizeOf is what the files of a task root take; one that is gone takes nothing, and was found when it was laid out.
func sizeOf(files []File) (n int64) {
	for _, f := range files {
		if info, err := os.Stat(f.Source); err == nil {
			n += info.Size()
		}
	}
	return n
}

// environments returns the maker of a version's environments. It makes no more
// than the function may get, and then returns the throttle.
func (s *Simulator) environments(fn *function, spec *sandbox.Spec, bytes int64) func() (*sandbox.Environment, error) {
	return func() (*sandbox.Environment, error) {
		if !fn.rate.Take() {
			return nil, throttled(reasonAccount)
		}
		return s.newEnvironment(fn, spec, bytes)
	}
}

// newEnvironment makes an environment of a function whose files have that many bytes.
func (s *Simulator) newEnvironment(fn *function, spec *sandbox.Spec, bytes int64) (*sandbox.Environment, error) {
	if err := s.lag.cold(fn.Name, bytes); err != nil {
		return nil, err
	}
	id, err := s.ids.hex(16)
	if err != nil {
		return nil, err
	}
	stream := fmt.Sprintf("%s/[%s]%s", time.Now().UTC().Format("2006/01/02"), spec.Version, id)
	folder := fmt.Sprintf("%s.%s.%d", spec.Function, strings.TrimPrefix(spec.Version, "$"), fn.made.Add(1))
	return sandbox.New(spec, stream, filepath.Join(s.dir.Path(), "scratch", folder))
}

func logSink(log func(LogLine)) func(sandbox.Line) {
	if log == nil {
		return nil
	}
	return func(l sandbox.Line) {
		log(LogLine{Time: l.Time, Function: l.Function, Version: l.Version, Stream: l.Stream, RequestID: l.RequestID, Text: string(l.Text)})
	}
}

// environ is the environment of a process, as recorded from Lambda, less what
// the sandbox adds for each environment. Dummy credentials and an endpoint that
// is the simulator itself keep a function from calling AWS by accident; the
// function's own variables come last and win, where Lambda lets them.
func environ(cfg Config, f Function, v Version, root, endpoint string) []string {
	env := []string{
		"AWS_LAMBDA_FUNCTION_NAME=" + f.Name,
		"AWS_LAMBDA_FUNCTION_VERSION=" + v.Number,
		fmt.Sprintf("AWS_LAMBDA_FUNCTION_MEMORY_SIZE=%d", f.MemoryMB),
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/" + f.Name,
		initOnDemand,
		"AWS_REGION=" + cfg.Region,
		"AWS_DEFAULT_REGION=" + cfg.Region,
		"AWS_ACCESS_KEY_ID=simulator",
		"AWS_SECRET_ACCESS_KEY=simulator",
		"AWS_SESSION_TOKEN=simulator",
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_ENDPOINT_URL=" + endpoint,
		"AWS_XRAY_CONTEXT_MISSING=LOG_ERROR",
		"AWS_XRAY_DAEMON_ADDRESS=127.0.0.1:2000",
		"_AWS_XRAY_DAEMON_ADDRESS=127.0.0.1",
		"_AWS_XRAY_DAEMON_PORT=2000",
		"LAMBDA_TASK_ROOT=" + root,
		"LAMBDA_RUNTIME_DIR=/var/runtime",
		"_HANDLER=" + v.Handler,
		"TZ=:UTC",
		"LANG=en_US.UTF-8",
		"PATH=/usr/local/bin:/usr/bin/:/bin:/opt/bin",
		"LD_LIBRARY_PATH=/var/runtime:/var/runtime/lib:" + root + ":" + root + "/lib:/opt/lib",
		"PWD=" + root,
		"SHLVL=0",
	}
	for name, value := range v.Env {
		env = append(env, name+"="+value)
	}
	return env
}
