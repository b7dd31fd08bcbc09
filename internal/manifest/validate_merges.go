package manifest

import (
	"slices"
	"strings"

	"github.com/shardwise/shardwise/internal/tensor"
)

// mergeRule is what a merge kind demands of its stage output.
type mergeRule struct {
	kind    string
	place   string   // placement kind
	op      string   // placement op, for partial
	roles   []string // component roles, all of them wanted
	acc     []tensor.DType
	results []string // legal Results; none means Result must be empty
}

// mergeRules lists every merge kind.
func mergeRules() []mergeRule {
	floats := []tensor.DType{tensor.F32, tensor.F64}
	value := []string{RoleValue}
	return []mergeRule{
		{kind: MergeConcat, place: PlaceShard, roles: value},
		{kind: MergeSum, place: PlacePartial, op: "sum", roles: value, acc: append([]tensor.DType{tensor.I64}, floats...)},
		{kind: MergeOrderedSum, place: PlacePartial, op: "sum", roles: value, acc: floats},
		{kind: MergeMean, place: PlacePartial, op: "mean", roles: value, acc: floats},
		{kind: MergeWeightedMean, place: PlacePartial, op: "mean", roles: []string{RoleValue, RoleWeight}},
		{kind: MergeMax, place: PlacePartial, op: "max", roles: value},
		{kind: MergeMin, place: PlacePartial, op: "min", roles: value},
		{kind: MergeMoments, place: PlacePartial, op: "moments", roles: []string{RoleCount, RoleMean, RoleM2},
			results: []string{"count", "mean", "m2", "variance"}},
		{kind: MergeTopK, place: PlaceShard, roles: []string{RoleValue, RoleIndex}, results: []string{"value", "index"}},
		{kind: MergeLogSumExp, place: PlacePartial, op: "logsumexp", roles: []string{RoleMax, RoleSumExp}},
		{kind: MergeSoftmax, place: PlaceShard, roles: []string{RoleValue, RoleMax, RoleSumExp}},
		{kind: MergeVote, place: PlacePartial, op: "vote", roles: []string{RoleCount}},
		{kind: MergeScatterBack, place: PlaceShard, roles: []string{RoleValue, RoleIndex}},
	}
}

func ruleOf(kind string) (mergeRule, bool) {
	for _, r := range mergeRules() {
		if r.kind == kind {
			return r, true
		}
	}
	return mergeRule{}, false
}

func mergeKinds() []string {
	var kinds []string
	for _, r := range mergeRules() {
		kinds = append(kinds, r.kind)
	}
	return kinds
}

// Roles lists the component roles of a merge kind, in the order in which manifests list them; nil for an unknown kind.
// The value is always the first role.
func Roles(kind string) []string {
	r, _ := ruleOf(kind)
	return r.roles
}

// checkOutput checks that placement, merge and components of one stage output belong together.
func (m *Manifest) checkOutput(c *checker, p at, st *Stage, out StageOutput) {
	r, known := ruleOf(out.Merge.Kind)
	if !known {
		c.fail(p.key("merge").key("kind"), "is %.80q, wanted one of %s", out.Merge.Kind, strings.Join(mergeKinds(), ", "))
		return
	}
	c.placement(p.key("placement"), out, r)
	var roles []string
	for _, k := range out.Components {
		roles = append(roles, k.Role)
	}
	slices.Sort(roles)
	want := slices.Sorted(slices.Values(r.roles))
	if out.Merge.Route != "" {
		c.routedOutput(p, st, out)
		want = slices.DeleteFunc(want, func(role string) bool { return role == RoleIndex })
	}
	if !slices.Equal(roles, want) {
		c.fail(p.key("components"), "has roles %.200q; merge %s wants %q", roles, r.kind, want)
	}
	c.dtype(p.key("merge").key("dtype"), out.Merge.DType)
	if out.Merge.DType == tensor.String && r.kind != MergeConcat && r.kind != MergeScatterBack {
		c.fail(p.key("merge").key("dtype"), "is STRING, which merge %s does not do", r.kind)
	}
	m.checkMerge(c, p.key("merge"), st, out, r)
	if dtype, shape, ok := m.outputDecl(out.Value); ok {
		if dtype != out.Merge.DType {
			c.fail(p.key("merge").key("dtype"), "is %s, the signature declares %.80q as %s", out.Merge.DType, out.Value, dtype)
		}
		if r.kind == MergeConcat && !out.Merge.Squeeze && len(out.Merge.Bounds) > 0 {
			c.cuts(p.key("merge"), shape, out.Merge.Dim, out.Merge.Bounds)
		}
	}
}

func (c *checker) placement(p at, out StageOutput, r mergeRule) {
	pl := out.Placement
	if pl.Kind != r.place || pl.Op != r.op {
		c.fail(p, "is %.80q with op %.80q; merge %s wants %q with op %q", pl.Kind, pl.Op, r.kind, r.place, r.op)
	}
	c.dim(p.key("dim"), pl.Dim)
	if pl.Dim != out.Merge.Dim {
		c.fail(p.key("dim"), "is %d, the merge's is %d", pl.Dim, out.Merge.Dim)
	}
}

// checkMerge checks the fields that only some merges have.
func (m *Manifest) checkMerge(c *checker, p at, st *Stage, out StageOutput, r mergeRule) {
	g := out.Merge
	if g.Dim != 0 && r.kind != MergeConcat && r.kind != MergeTopK && r.kind != MergeSoftmax {
		c.fail(p.key("dim"), "is %d; merge %s has no dimension", g.Dim, r.kind)
	}
	if !slices.Contains(r.acc, g.Acc) && (len(r.acc) > 0 || g.Acc != tensor.Invalid) {
		c.fail(p.key("acc"), "is %s; merge %s wants one of %v", g.Acc, r.kind, r.acc)
	}
	if !slices.Contains(r.results, g.Result) && (len(r.results) > 0 || g.Result != "") {
		c.fail(p.key("result"), "is %.80q; merge %s wants one of %q", g.Result, r.kind, r.results)
	}
	if (r.kind == MergeTopK) != (g.K > 0) || g.K < 0 || g.K > maxDim {
		c.fail(p.key("k"), "is %d; wanted 1 or more for merge %s and nothing for others", g.K, MergeTopK)
	}
	if len(g.Bounds) > 0 || r.kind == MergeTopK {
		if r.kind != MergeConcat && r.kind != MergeTopK {
			c.fail(p.key("bounds"), "stands with merge %s, which has none", r.kind)
		}
		c.bounds(p.key("bounds"), g.Bounds, out.Contributors(st))
	}
	for _, k := range out.Components {
		if len(r.acc) > 0 && k.Role == RoleValue && slices.Contains(r.acc, g.Acc) && !accumulates(g.Acc, k.DType) {
			c.fail(p.key("acc"), "is %s, which does not hold every value of component %.80q (%s)", g.Acc, k.Name, k.DType)
		}
	}
	m.checkInit(c, p, g)
}

// accumulates reports whether a sum in acc takes addends of dtype d without loss.
func accumulates(acc, d tensor.DType) bool {
	switch d {
	case tensor.F16, tensor.BF16, tensor.F32:
		return acc != tensor.I64
	case tensor.F64:
		return acc == tensor.F64
	case tensor.U8, tensor.I8, tensor.U16, tensor.I16:
		return true
	case tensor.U32, tensor.I32:
		return acc != tensor.F32
	case tensor.I64:
		return acc == tensor.I64
	}
	return false
}

// checkInit checks the sums' first addends and the table of ordered sums.
func (m *Manifest) checkInit(c *checker, p at, g Merge) {
	if g.Kind != MergeSum && g.Kind != MergeOrderedSum && len(g.Init) > 0 {
		c.fail(p.key("init"), "stands with merge %s, which has none", g.Kind)
	}
	for i, text := range g.Init {
		var err error
		switch g.Acc {
		case tensor.F32:
			_, err = ParseHexF32(text)
		case tensor.F64, tensor.I64:
			_, err = parseHex(text, 16)
		}
		if err != nil {
			c.fail(p.key("init").index(i), "%v", err)
		}
	}
	if g.Kind == MergeOrderedSum && len(g.Init) == 0 {
		c.fail(p.key("init"), "is empty; an ordered sum begins with one value per output column")
	}
	switch {
	case g.Table == "" && g.Kind == MergeOrderedSum && len(g.Init) > 1:
		c.fail(p.key("table"), "is absent; %d output columns need a table from leaf column to output column", len(g.Init))
	case g.Table != "" && g.Kind != MergeOrderedSum:
		c.fail(p.key("table"), "stands with merge %s, which has none", g.Kind)
	case g.Table != "":
		c.name(p.key("table"), g.Table)
		if m.Local == nil || !slices.ContainsFunc(m.Local.Files, func(f File) bool { return f.Role == RoleWeights }) {
			c.fail(p.key("table"), "needs a weights file in /local/files")
		}
	}
}
