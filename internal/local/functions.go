package local

import (
	"path/filepath"
	"strconv"
	"time"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/simulator"
)

// The handler names and the variables that internal/bootstrap reads.
const (
	handlerCoordinator = "coordinator"
	handlerShard       = "shard"
	envShard           = "SHARDWISE_SHARD"
	envStore           = "SHARDWISE_STORE"
)

// roleReference is the role of files that only verify reads; no function holds them.
const roleReference = "reference"

// version is the number under which the directory's model is published in the simulator.
const version = "1"

// bootstrapName is the file that Lambda starts.
const bootstrapName = "bootstrap"

// Functions describes the directory's functions: the coordinator first, then the shards by index. Each task root holds
// the bootstrap, the manifest and that function's own files, no more.
func Functions(dir string, m *manifest.Manifest, fingerprint string, d *manifest.Deployment, bootstrap string) []simulator.Function {
	alias := manifest.Alias(fingerprint)
	common := []simulator.File{
		{Name: bootstrapName, Source: bootstrap},
		{Name: manifest.FileName, Source: filepath.Join(dir, manifest.FileName)},
	}
	coordinator := function(d.Coordinator, handlerCoordinator)
	coordinator.Aliases = map[string]string{alias: version, manifest.LiveAlias: version}
	coordinator.Files = append(coordinator.Files, common...)
	coordinator.Files = append(coordinator.Files, simulator.File{Name: manifest.DeploymentFileName, Source: filepath.Join(dir, manifest.DeploymentFileName)})
	if m.Local != nil {
		coordinator.Files = append(coordinator.Files, files(dir, m.Local.Files)...)
	}
	list := []simulator.Function{publish(coordinator)}
	for i := range m.Shards {
		f := function(d.Shards[i], handlerShard)
		f.Env[envShard] = strconv.Itoa(i)
		f.Aliases = map[string]string{alias: version}
		f.Files = append(append(f.Files, common...), files(dir, m.Shards[i].Files)...)
		list = append(list, publish(f))
	}
	return list
}

func function(f manifest.Function, handler string) simulator.Function {
	s := simulator.Function{
		Name: f.Name, Handler: handler, Command: []string{bootstrapName}, Env: map[string]string{},
		MemoryMB: f.MemoryMB, Timeout: time.Duration(f.TimeoutSeconds) * time.Second, EphemeralMB: f.EphemeralMB,
	}
	if f.ReservedConcurrency > 0 {
		s.ReservedConcurrency = &f.ReservedConcurrency
	}
	return s
}

// tasksFunction is a batch's own function: it holds what the coordinator holds.
func tasksFunction(coordinator simulator.Function, f manifest.Function, handler string) simulator.Function {
	s := function(f, handler)
	s.Files, s.Aliases = coordinator.Files, coordinator.Aliases
	return publish(s)
}

// publish gives the function the version that its aliases lead to.
func publish(f simulator.Function) simulator.Function {
	f.Versions = []simulator.Version{{Number: version}}
	return f
}

func files(dir string, list []manifest.File) []simulator.File {
	var out []simulator.File
	for _, f := range list {
		if f.Role != roleReference {
			out = append(out, simulator.File{Name: f.Path, Source: filepath.Join(dir, filepath.FromSlash(f.Path))})
		}
	}
	return out
}
