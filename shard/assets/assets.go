// Package assets opens the files that one function of a deployment holds, a shard's or the coordinator's own: weights
// mapped, program graphs decoded and compiled by the engine that the manifest names.
//
// It knows nothing of requests. Opening reads headers and graphs only; weight bytes are read, and checked, when they are
// first used. A Set is safe for concurrent use; Close ends the life of every tensor that it handed out.
package assets

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/onnxruntime"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/shardfile"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Set is an opened set of files. Files of other roles than weights and program are for tools and left alone.
type Set struct {
	weights  []*shardfile.Reader
	owner    map[string]*shardfile.Reader // weight name -> file
	programs map[string]Program           // by step
	bytes    int64
	dir      string
}

// Program is a compiled program and the graph that it came from.
type Program struct {
	engine.Program
	Graph *graph.Graph
}

// EngineError says that a program needs an engine that this binary does not have.
type EngineError struct {
	Step   string
	Engine string
	Have   []string
}

// Error names the engine, the step that needs it and those that are there.
func (e *EngineError) Error() string {
	remedy := "use a binary built with it"
	if e.Engine == onnxruntime.Name {
		remedy = "build it with: go build -tags " + onnxruntime.Name
	}
	return fmt.Sprintf("step %s needs engine %q, this binary has %v; %s, or split the model again with --engine native", e.Step, e.Engine, e.Have, remedy)
}

// Open opens files, which stand under dir, and compiles programs with engines. On failure nothing stays open.
func Open(dir string, files []manifest.File, programs []manifest.Program, engines []engine.Engine) (*Set, error) {
	s := &Set{dir: dir, owner: map[string]*shardfile.Reader{}, programs: map[string]Program{}}
	graphs := map[string]manifest.File{}
	for _, f := range files {
		switch f.Role {
		case manifest.RoleProgram:
			graphs[f.Path] = f
		case manifest.RoleWeights:
			if err := s.addWeights(dir, f); err != nil {
				return nil, errors.Join(err, s.Close())
			}
		}
	}
	for _, p := range programs {
		f, ok := graphs[p.Graph]
		if !ok {
			return nil, errors.Join(fmt.Errorf("program of step %s: graph %s is not among the files", p.Step, p.Graph), s.Close())
		}
		if err := s.addProgram(dir, f, p, engines); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

func (s *Set) addWeights(dir string, f manifest.File) error {
	r, err := shardfile.Open(filepath.Join(dir, filepath.FromSlash(f.Path)), f)
	if err != nil {
		return err
	}
	s.weights = append(s.weights, r)
	s.bytes += f.Bytes
	for _, name := range r.Names() {
		if _, twice := s.owner[name]; twice {
			return fmt.Errorf("weight %q stands in two files, the second is %s; split the model again", name, f.Path)
		}
		s.owner[name] = r
	}
	return nil
}

func (s *Set) addProgram(dir string, f manifest.File, p manifest.Program, engines []engine.Engine) error {
	var e engine.Engine
	var have []string
	for _, candidate := range engines {
		have = append(have, candidate.Name())
		if candidate.Name() == p.Engine {
			e = candidate
		}
	}
	if e == nil {
		return &EngineError{Step: p.Step, Engine: p.Engine, Have: have}
	}
	g, err := readGraph(filepath.Join(dir, filepath.FromSlash(f.Path)), f)
	if err != nil {
		return err
	}
	compiled, err := e.Compile(g, s)
	if err != nil {
		return fmt.Errorf("program %s of step %s: %w", f.Path, p.Step, err)
	}
	s.programs[p.Step] = Program{Program: compiled, Graph: g}
	return nil
}

// readGraph reads a program file, whose hash is checked at once: it is small and steers everything.
func readGraph(path string, f manifest.File) (*graph.Graph, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() != f.Bytes {
		return nil, &CorruptError{Path: path, Want: fmt.Sprintf("%d bytes", f.Bytes), Found: fmt.Sprintf("%d", info.Size())}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if err := checkHash(path, data, f.SHA256); err != nil {
		return nil, err
	}
	g, err := onnx.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("program %s: %w", path, err)
	}
	return g, nil
}

// Program is the compiled program of a step.
func (s *Set) Program(step string) (Program, bool) {
	p, ok := s.programs[step]
	return p, ok
}

// Weight is a weight by name, from whichever file holds it; it satisfies engine.Weights.
func (s *Set) Weight(name string) (*tensor.Tensor, error) {
	r, ok := s.owner[name]
	if !ok {
		return nil, fmt.Errorf("weight %q is in none of the weights files", name)
	}
	return r.Weight(name)
}

// Dir is the directory of the files, for engines that map weights themselves.
func (s *Set) Dir() string { return s.dir }

// Bytes is the size of all weights files.
func (s *Set) Bytes() int64 { return s.bytes }

// Warm reads every weight once, which checks its bytes and brings them into memory.
func (s *Set) Warm(ctx context.Context) error {
	for _, r := range s.weights {
		for _, name := range r.Names() {
			if err := ctx.Err(); err != nil {
				return err
			}
			if _, err := r.Weight(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// Close unmaps the files.
func (s *Set) Close() error {
	var errs []error
	for _, r := range s.weights {
		errs = append(errs, r.Close())
	}
	s.weights, s.owner = nil, nil
	return errors.Join(errs...)
}
