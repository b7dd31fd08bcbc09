package manifest

import (
	"math"
	"slices"
	"strings"
)

// File roles.
const (
	RoleWeights   = "weights"   // a safetensors file with a table of chunk checksums
	RoleProgram   = "program"   // an ONNX graph that a shard or the coordinator runs
	RoleReference = "reference" // the unsharded model's graph, for verification; coordinator only
)

func (m *Manifest) checkShards(c *checker) {
	if len(m.Shards) == 0 || len(m.Shards) > maxShard {
		c.fail("/shards", "has %d shards, wanted 1 to %d", len(m.Shards), maxShard)
	}
	paths := map[string]bool{FileName: true, DeploymentFileName: true}
	for i, s := range m.Shards {
		p := at("/shards").index(i)
		c.files(p.key("files"), s.Files, paths, false)
		c.memory(p.key("memory"), s.Memory)
		joins := func(st Step) bool { return st.Stage != nil && slices.Contains(st.Stage.Shards, i) }
		m.checkPrograms(c, p.key("programs"), s.Programs, s.Files, joins)
		if !slices.ContainsFunc(m.Steps, joins) {
			c.fail(p, "takes part in no stage")
		}
	}
	if m.Local != nil {
		c.files("/local/files", m.Local.Files, paths, true)
		c.memory("/local/memory", m.Local.Memory)
	}
}

func (m *Manifest) checkLocal(c *checker) {
	isLocal := func(s Step) bool { return s.Local != nil }
	if m.Local != nil {
		m.checkPrograms(c, "/local/programs", m.Local.Programs, m.Local.Files, isLocal)
		return
	}
	if slices.ContainsFunc(m.Steps, isLocal) {
		c.fail("/local", "is absent, yet there are local steps")
	}
}

// files checks one owner's files. Paths are unique over the whole directory, also where upper and lower case are one.
func (c *checker) files(p at, files []File, paths map[string]bool, local bool) {
	for i, f := range files {
		p := p.index(i)
		c.path(p.key("path"), f.Path)
		if folded := strings.ToLower(f.Path); paths[folded] {
			c.fail(p.key("path"), "%.80q names two files of the directory", f.Path)
		} else {
			paths[folded] = true
		}
		c.size(p.key("bytes"), f.Bytes)
		c.digest(p.key("sha256"), f.SHA256)
		switch {
		case f.Role == RoleWeights && f.Chunks == nil:
			c.fail(p.key("chunks"), "is absent; a weights file has checksums")
		case f.Role == RoleWeights:
			c.chunks(p.key("chunks"), f.Chunks)
		case f.Role != RoleProgram && (f.Role != RoleReference || !local):
			c.fail(p.key("role"), "is %.80q, wanted %q, %q, or for the coordinator %q", f.Role, RoleWeights, RoleProgram, RoleReference)
		case f.Chunks != nil:
			c.fail(p.key("chunks"), "stands with role %q; only weights files have it", f.Role)
		}
	}
}

func (c *checker) chunks(p at, k *Chunks) {
	c.name(p.key("tensor"), k.Tensor)
	c.digest(p.key("sha256"), k.SHA256)
	if k.Size < 1 || k.Size > math.MaxInt32 {
		c.fail(p.key("size"), "is %d, wanted 1 to 2^31-1 bytes", k.Size)
	}
}

func (c *checker) memory(p at, e Memory) {
	c.size(p.key("weights"), e.Weights)
	c.size(p.key("fixed"), e.Fixed)
	c.size(p.key("per_row"), e.PerRow)
}

// checkPrograms checks one owner's programs against the steps that it takes part in: exactly one program for each.
func (m *Manifest) checkPrograms(c *checker, p at, programs []Program, files []File, takesPart func(Step) bool) {
	have := map[string]bool{}
	for i, g := range programs {
		p := p.index(i)
		if have[g.Step] {
			c.fail(p.key("step"), "%.80q has two programs", g.Step)
		}
		have[g.Step] = true
		step := slices.IndexFunc(m.Steps, func(s Step) bool { return s.Name == g.Step })
		if step < 0 || !takesPart(m.Steps[step]) {
			c.fail(p.key("step"), "%.80q is no step that this owner takes part in", g.Step)
		}
		c.name(p.key("engine"), g.Engine)
		isGraph := func(f File) bool { return f.Role == RoleProgram && f.Path == g.Graph }
		if !slices.ContainsFunc(files, isGraph) {
			c.fail(p.key("graph"), "%.80q is no file of this owner with role %q", g.Graph, RoleProgram)
		}
	}
	for _, s := range m.Steps {
		if takesPart(s) && !have[s.Name] {
			c.fail(p, "has no program for step %.80q", s.Name)
		}
	}
}

// checkTrees checks that the shards' tree ranges follow each other without a gap, in shard order, and none is empty.
func (m *Manifest) checkTrees(c *checker) {
	features := 0
	for _, in := range m.Signature.Inputs {
		features = max(features, len(in.Features))
		if n := len(in.Shape); n > 0 {
			features = max(features, in.Shape[n-1].Size)
		}
	}
	next, outputs := 0, -1
	for i, s := range m.Shards {
		if s.Trees == nil {
			continue
		}
		t, p := s.Trees, at("/shards").index(i).key("trees")
		if t.First != next {
			c.fail(p.key("first"), "is %d, wanted %d: tree ranges follow each other", t.First, next)
		}
		if t.Count < 1 || t.Count > maxInteger || t.First < 0 || t.First > maxInteger {
			c.fail(p.key("count"), "is %d trees from %d, wanted at least one tree", t.Count, t.First)
			return
		}
		next = t.First + t.Count
		if outputs < 0 {
			outputs = len(t.MinSum)
		}
		if len(t.MinSum) != outputs || len(t.MaxSum) != outputs || outputs == 0 {
			c.fail(p, "has %d least and %d greatest sums, wanted one per model output, as many as in the first shard (%d)", len(t.MinSum), len(t.MaxSum), outputs)
		} else {
			c.leafSums(p, t)
		}
		c.ascending(p.key("features"), t.Features, features)
	}
}

func (c *checker) leafSums(p at, t *Trees) {
	for k := range t.MinSum {
		lo, errLo := ParseHexF64(t.MinSum[k])
		hi, errHi := ParseHexF64(t.MaxSum[k])
		if errLo != nil || errHi != nil || !(lo <= hi) || math.IsInf(lo, 0) || math.IsInf(hi, 0) {
			c.fail(p.key("min_sum").index(k), "%.40q and max_sum %.40q are not the bits of two finite F64 in ascending order", t.MinSum[k], t.MaxSum[k])
		}
	}
}

// ascending checks a list of distinct indices below limit.
func (c *checker) ascending(p at, list []int, limit int) {
	for i, v := range list {
		switch {
		case v < 0 || v >= limit:
			c.fail(p.index(i), "is %d, wanted 0 to %d", v, limit-1)
			return
		case i > 0 && v <= list[i-1]:
			c.fail(p.index(i), "is %d after %d; the list must ascend", v, list[i-1])
			return
		}
	}
}
