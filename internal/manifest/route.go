package manifest

import "slices"

// Route kinds: what decides which groups a receiver gets.
const (
	RouteIndex = "index" // Value holds row numbers; each is a group, its row's owner gets it
	RouteRow   = "row"   // Value holds row numbers [groups, ...]; whoever owns one of a group's numbers gets the group
	RouteBag   = "bag"   // Value holds row numbers [n], Groups where bags start and the last ends; whoever owns one of a bag's numbers gets the bag
	RouteGate  = "gate"  // Value holds weights [..., columns]; whoever owns a column with a weight other than 0 gets the row
)

// Parts of a route that a stage's inputs are.
const (
	PartKeys   = "keys"   // index, bag: the numbers that the receiver owns, less its first; gate: its columns of its rows
	PartGroups = "groups" // bag: where the receiver's bags start among its numbers, and where the last one ends
	PartItems  = "items"  // the entries of another value, or with row of any, that belong to the receiver's groups
)

// RoutedDim is the symbol of the dimension that has a receiver's groups, in components of a routed output.
const RoutedDim = "routed"

// Route says which groups of a stage's values each of some shards gets, by the numbers of one value. To lists, ascending, the positions in
// Stage.Shards that take part; empty means all. Receiver i of them owns the rows or columns from Bounds[i] up to but not Bounds[i+1]. Negative row
// numbers count from the end of all rows. A receiver without a group is not asked, unless the stage wants something else of it.
type Route struct {
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	Value  string `json:"value"`
	Groups string `json:"groups,omitempty"`
	To     []int  `json:"to,omitempty"`
	Bounds []int  `json:"bounds"`
}

// Route is the stage's route of the name, nil when there is none.
func (s *Stage) Route(name string) *Route {
	if i := slices.IndexFunc(s.Routes, func(r Route) bool { return r.Name == name }); name != "" && i >= 0 {
		return &s.Routes[i]
	}
	return nil
}

// Receiver is the place of a position among those that take part in the route; ok is false when it does not.
func (r *Route) Receiver(position int) (place int, ok bool) { return placeOf(r.To, position) }

// Receivers is how many of a stage's shards take part in the route.
func (r *Route) Receivers(s *Stage) int { return count(r.To, s) }

// routeRule is what a kind of route allows.
type routeRule struct {
	kind   string
	parts  []string
	merges []string
}

func routeRules() []routeRule {
	return []routeRule{
		{RouteIndex, []string{PartKeys}, []string{MergeScatterBack}},
		{RouteRow, []string{PartItems}, []string{MergeSum}},
		{RouteBag, []string{PartKeys, PartGroups, PartItems}, []string{MergeSum, MergeMax}},
		{RouteGate, []string{PartKeys, PartItems}, []string{MergeSum}},
	}
}

func routeKinds() []string {
	var kinds []string
	for _, r := range routeRules() {
		kinds = append(kinds, r.kind)
	}
	return kinds
}

func (r *Route) rule() (routeRule, bool) {
	for _, rule := range routeRules() {
		if rule.kind == r.Kind {
			return rule, true
		}
	}
	return routeRule{}, false
}

// checkRoutes checks the routes of a stage; the inputs and outputs that belong to them are checked where they stand.
func (c *checker) routes(p at, st *Stage) {
	seen := map[string]bool{}
	for i := range st.Routes {
		r, q := &st.Routes[i], p.index(i)
		c.valueName(q.key("name"), r.Name, seen)
		if _, known := r.rule(); !known {
			c.fail(q.key("kind"), "is %.80q, wanted one of %q", r.Kind, routeKinds())
		}
		c.name(q.key("value"), r.Value)
		switch {
		case r.Kind == RouteBag:
			c.name(q.key("groups"), r.Groups)
		case r.Groups != "":
			c.fail(q.key("groups"), "stands with %.80q; only %q has it", r.Kind, RouteBag)
		}
		c.positions(q.key("to"), r.To, st)
		c.bounds(q.key("bounds"), r.Bounds, r.Receivers(st))
		if !slices.ContainsFunc(st.Outputs, func(o StageOutput) bool { return o.Merge.Route == r.Name }) {
			c.fail(q.key("name"), "%.80q is the route of no output", r.Name)
		}
	}
}

// routedInput checks an input that is a part of a route, or that it has nothing of one.
func (c *checker) routedInput(p at, st *Stage, in StageInput) {
	sc := in.Scatter
	if sc.Kind != ScatterRoute {
		if sc.Route != "" || sc.Part != "" {
			c.fail(p, "has route or part, which only %q has", ScatterRoute)
		}
		return
	}
	r := st.Route(sc.Route)
	if r == nil {
		c.fail(p.key("route"), "is %.80q, which is none of the stage's routes", sc.Route)
		return
	}
	if rule, _ := r.rule(); !slices.Contains(rule.parts, sc.Part) {
		c.fail(p.key("part"), "is %.80q; a route of kind %q has %q", sc.Part, r.Kind, rule.parts)
	}
	if !slices.Equal(in.To, r.To) {
		c.fail(p, "goes to the positions %v, its route to %v", in.To, r.To)
	}
	if want := map[string]string{PartKeys: r.Value, PartGroups: r.Groups}[sc.Part]; want != "" && want != in.Value {
		c.fail(p.key("part"), "%q is of value %.80q; the route's is %.80q", sc.Part, in.Value, want)
	}
}

// routedOutput checks an output whose partials have the groups of a route.
func (c *checker) routedOutput(p at, st *Stage, out StageOutput) {
	r := st.Route(out.Merge.Route)
	if r == nil {
		c.fail(p.key("merge").key("route"), "is %.80q, which is none of the stage's routes", out.Merge.Route)
		return
	}
	if rule, _ := r.rule(); !slices.Contains(rule.merges, out.Merge.Kind) {
		c.fail(p.key("merge").key("kind"), "is %.80q; a route of kind %q has %q", out.Merge.Kind, r.Kind, rule.merges)
	}
	if !slices.Equal(out.From, r.To) {
		c.fail(p.key("from"), "is %v, its route goes to the positions %v", out.From, r.To)
	}
	if len(out.Merge.Init) > 0 || out.Merge.Squeeze {
		c.fail(p.key("merge"), "has init or squeeze, which a routed output has not")
	}
	for i, k := range out.Components {
		q := p.key("components").index(i).key("shape")
		if len(k.Shape) == 0 || k.Shape[0].Name != RoutedDim {
			c.fail(q, "does not begin with %q", RoutedDim)
			continue
		}
		if slices.ContainsFunc(k.Shape[1:], func(d Dim) bool { return d.Name != "" }) {
			c.fail(q, "has a symbol beside %q; what is not sent must have a known size", RoutedDim)
		}
	}
}
