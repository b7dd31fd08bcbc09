package manifest

import (
	"maps"
	"slices"

	"github.com/shardwise/shardwise/internal/tensor"
)

func (m *Manifest) checkSteps(c *checker) {
	if len(m.Steps) == 0 {
		c.fail("/steps", "is empty")
	}
	names := map[string]bool{}
	for i, s := range m.Steps {
		p := at("/steps").index(i)
		if !stepName.MatchString(s.Name) {
			c.fail(p.key("name"), "is %.80q; a step name has 1 to 64 letters, digits, dots, _ and -, beginning with a letter or digit", s.Name)
		}
		if names[s.Name] {
			c.fail(p.key("name"), "%.80q stands twice", s.Name)
		}
		names[s.Name] = true
		c.modes(p.key("modes"), s.Modes, m.Modes)
		switch {
		case (s.Stage == nil) == (s.Local == nil):
			c.fail(p, "must be a stage or a local program, exactly one of the two")
		case s.Stage != nil:
			m.checkStage(c, p, s)
		default:
			c.distinct(p.key("local").key("inputs"), s.Local.Inputs)
			if len(s.Local.Outputs) == 0 {
				c.fail(p.key("local").key("outputs"), "is empty")
			}
			c.distinct(p.key("local").key("outputs"), s.Local.Outputs)
		}
	}
}

func (c *checker) modes(p at, modes, known []string) {
	for i, mode := range modes {
		if !slices.Contains(known, mode) || slices.Contains(modes[:i], mode) {
			c.fail(p.index(i), "%.80q stands twice or is not in /modes", mode)
		}
	}
}

func (c *checker) distinct(p at, names []string) {
	seen := map[string]bool{}
	for i, name := range names {
		c.valueName(p.index(i), name, seen)
	}
}

func (m *Manifest) checkStage(c *checker, p at, s Step) {
	p = p.key("stage")
	st := s.Stage
	if len(st.Shards) == 0 {
		c.fail(p.key("shards"), "is empty")
	}
	c.ascending(p.key("shards"), st.Shards, len(m.Shards))
	if len(st.Inputs) == 0 {
		c.fail(p.key("inputs"), "is empty")
	}
	c.routes(p.key("routes"), st)
	inputs := map[string]bool{}
	for i, in := range st.Inputs {
		q := p.key("inputs").index(i)
		c.valueName(q.key("name"), in.Name, inputs)
		c.positions(q.key("to"), in.To, st)
		m.checkScatter(c, q.key("scatter"), st, in)
	}
	if len(st.Outputs) == 0 {
		c.fail(p.key("outputs"), "is empty")
	}
	components := map[string]Component{}
	for i, out := range st.Outputs {
		q := p.key("outputs").index(i)
		c.name(q.key("value"), out.Value)
		c.modes(q.key("modes"), out.Modes, m.Modes)
		for _, mode := range out.Modes {
			if !inMode(s.Modes, mode) {
				c.fail(q.key("modes"), "has %.80q, in which the step does not run", mode)
			}
		}
		c.positions(q.key("from"), out.From, st)
		m.checkOutput(c, q, st, out)
		c.components(q.key("components"), out.Components, components)
	}
	m.checkRows(c, p, st)
}

// components checks the tensors of one partial. Two outputs of a stage may share one, declared alike.
func (c *checker) components(p at, list []Component, seen map[string]Component) {
	for i, k := range list {
		q := p.index(i)
		c.name(q.key("name"), k.Name)
		c.dtype(q.key("dtype"), k.DType)
		c.shape(q.key("shape"), k.Shape)
		before, ok := seen[k.Name]
		if ok && (before.DType != k.DType || !slices.Equal(before.Shape, k.Shape)) {
			c.fail(q, "%.80q is declared in another way by an earlier output", k.Name)
		}
		seen[k.Name] = k
	}
}

func (m *Manifest) checkScatter(c *checker, p at, st *Stage, in StageInput) {
	sc := in.Scatter
	if sc.Kind != ScatterSlice && (sc.Dim != 0 || len(sc.Bounds) > 0) {
		c.fail(p, "has dim or bounds, which only %q has", ScatterSlice)
	}
	if sc.Kind != ScatterSelect && len(sc.Columns) > 0 {
		c.fail(p.key("columns"), "stands with %.80q; only %q has it", sc.Kind, ScatterSelect)
	}
	c.routedInput(p, st, in)
	shape, known := m.inputShape(in.Value)
	switch sc.Kind {
	case ScatterReplicate, ScatterRows, ScatterRoute:
	case ScatterSlice:
		c.dim(p.key("dim"), sc.Dim)
		c.bounds(p.key("bounds"), sc.Bounds, in.Receivers(st))
		if known {
			c.cuts(p, shape, sc.Dim, sc.Bounds)
		}
	case ScatterSelect:
		limit := maxDim
		if n := len(shape); known && n > 0 && shape[n-1].Name == "" {
			limit = shape[n-1].Size
		}
		m.checkSelect(c, p.key("columns"), st, in, limit)
	default:
		c.fail(p.key("kind"), "is %.80q, wanted %q, %q, %q, %q or %q", sc.Kind,
			ScatterReplicate, ScatterSlice, ScatterSelect, ScatterRows, ScatterRoute)
	}
}

// cuts checks the bounds along dimension dim against a shape.
func (c *checker) cuts(p at, shape []Dim, dim int, bounds []int) {
	if dim < 0 || dim >= len(shape) {
		c.fail(p.key("dim"), "is %d, the value has %d dimensions", dim, len(shape))
		return
	}
	if len(bounds) == 0 {
		return
	}
	if last := bounds[len(bounds)-1]; shape[dim].Name != "" || shape[dim].Size != last {
		c.fail(p.key("bounds"), "ends at %d, the dimension is %s", last, shape[dim])
	}
}

// positions checks a list of positions in a stage's shards.
func (c *checker) positions(p at, list []int, st *Stage) {
	if len(list) > 0 {
		c.ascending(p, list, len(st.Shards))
	}
}

func (m *Manifest) checkSelect(c *checker, p at, st *Stage, in StageInput, limit int) {
	columns := in.Scatter.Columns
	if len(columns) == 0 {
		for i, s := range st.Shards {
			if _, gets := in.Receiver(i); gets && s >= 0 && s < len(m.Shards) && m.Shards[s].Trees == nil {
				c.fail(p, "is absent, and shard %d (position %d of %d) has no tree features to select by", s, i, len(st.Shards))
			}
		}
		return
	}
	if n := in.Receivers(st); len(columns) != n {
		c.fail(p, "has %d lists, %d shards of the stage get the value", len(columns), n)
	}
	for i, list := range columns {
		for j, v := range list {
			if v < 0 || v >= limit {
				c.fail(p.index(i).index(j), "is column %d, wanted 0 to %d", v, limit-1)
				break
			}
		}
	}
}

// inputShape is the shape of a signature input.
func (m *Manifest) inputShape(value string) ([]Dim, bool) {
	i := slices.IndexFunc(m.Signature.Inputs, func(in Input) bool { return in.Name == value })
	if i < 0 {
		return nil, false
	}
	return m.Signature.Inputs[i].Shape, true
}

func (c *checker) dim(p at, dim int) {
	if dim < 0 || dim >= maxRank {
		c.fail(p, "is %d, wanted 0 to %d", dim, maxRank-1)
	}
}

// bounds checks offsets of n parts, none of them empty: from 0 on, strictly ascending.
func (c *checker) bounds(p at, bounds []int, n int) {
	if len(bounds) != n+1 {
		c.fail(p, "has %d entries, wanted %d: one per shard and the total", len(bounds), n+1)
		return
	}
	if bounds[0] != 0 {
		c.fail(p.index(0), "is %d, wanted 0", bounds[0])
	}
	for i := 1; i <= n; i++ {
		if bounds[i] <= bounds[i-1] || bounds[i] > maxDim {
			c.fail(p.index(i), "is %d after %d; bounds must ascend and no part may be empty", bounds[i], bounds[i-1])
			return
		}
	}
}

// checkFlow walks the plan once per mode: a step reads what was produced before it, nothing is produced twice, and
// every output of the signature is there in the end, as declared.
func (m *Manifest) checkFlow(c *checker) {
	have := map[string]bool{}
	for _, in := range m.Signature.Inputs {
		have[in.Name] = true
	}
	for _, mode := range m.Modes {
		values := maps.Clone(have)
		for i, s := range m.Steps {
			if (s.Stage == nil) != (s.Local == nil) && inMode(s.Modes, mode) {
				s.flow(c, at("/steps").index(i), mode, values)
			}
		}
		for i, out := range m.Signature.Outputs {
			if !values[out.Name] {
				c.fail(at("/signature/outputs").index(i), "%.80q is produced by no step in mode %q", out.Name, mode)
			}
		}
	}
}

func (s *Step) flow(c *checker, p at, mode string, values map[string]bool) {
	for _, name := range s.needs() {
		if !values[name] {
			c.fail(p, "reads %.80q, which no earlier step produces in mode %q", name, mode)
		}
	}
	for _, name := range s.produces(mode) {
		if values[name] {
			c.fail(p, "produces %.80q, which exists already in mode %q", name, mode)
		}
		values[name] = true
	}
}

func (s *Step) produces(mode string) []string {
	if s.Stage == nil {
		return s.Local.Outputs
	}
	var names []string
	for _, o := range s.Stage.Outputs {
		if inMode(o.Modes, mode) {
			names = append(names, o.Value)
		}
	}
	return names
}

// outputDecl is the signature's declaration of a value, if it is an output.
func (m *Manifest) outputDecl(value string) (tensor.DType, []Dim, bool) {
	for _, o := range m.Signature.Outputs {
		if o.Name == value {
			return o.DType, o.Shape, true
		}
	}
	return tensor.Invalid, nil, false
}
