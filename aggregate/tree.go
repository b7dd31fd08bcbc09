package aggregate

// algebra is what a tree folds with. A state is a contribution as it came, or an accumulator that begin made.
type algebra[S any] interface {
	// begin makes an accumulator that holds s. The tree owns it; s is not used again.
	begin(s S) (S, error)
	// root makes the accumulator in which the last fold begins with s: begin, but for sums with a first addend.
	root(s S) (S, error)
	// fold adds next to the accumulator. next is not used again.
	fold(acc, next S) (S, error)
}

// tree is the fixed reduction over n contributions: at each level, groups of radix consecutive states fold left to
// right and their results are the states of the next level. Folding happens as soon as order allows.
type tree[S any] struct {
	algebra algebra[S]
	radix   int
	levels  []level[S]
	done    bool
	total   S
	kept    int
}

// level is one level's open groups; width is the number of states that enter it.
type level[S any] struct {
	width  int
	groups map[int]*group[S]
}

// group folds the states of up to radix positions. States that arrive early wait.
type group[S any] struct {
	acc     S
	next    int // position, within the group, of the next state to fold
	size    int
	waiting map[int]S
}

func newTree[S any](n, radix int, a algebra[S]) *tree[S] {
	t := &tree[S]{algebra: a, radix: radix}
	for width := n; ; {
		t.levels = append(t.levels, level[S]{width: width, groups: map[int]*group[S]{}})
		if width = (width + radix - 1) / radix; width == 1 {
			return t
		}
	}
}

// add enters the contribution of position i.
func (t *tree[S]) add(i int, s S) error {
	t.kept++
	for l := range t.levels {
		complete, err := t.enter(l, i, s)
		if complete == nil || err != nil {
			return err
		}
		s, i = complete.acc, i/t.radix
	}
	t.total, t.done = s, true
	return nil
}

// enter folds state s, number i of level l, into its group and returns the group when that is complete.
func (t *tree[S]) enter(l, i int, s S) (*group[S], error) {
	lv := &t.levels[l]
	at := i / t.radix
	g := lv.groups[at]
	if g == nil {
		g = &group[S]{size: min(t.radix, lv.width-at*t.radix), waiting: map[int]S{}}
		lv.groups[at] = g
	}
	g.waiting[i%t.radix] = s
	for {
		s, ok := g.waiting[g.next]
		if !ok {
			return nil, nil
		}
		delete(g.waiting, g.next)
		if err := t.step(g, s, l == len(t.levels)-1); err != nil {
			return nil, err
		}
		if g.next == g.size {
			delete(lv.groups, at)
			return g, nil
		}
	}
}

// step folds the next state in order; kept counts the states that are alive.
func (t *tree[S]) step(g *group[S], s S, root bool) (err error) {
	switch {
	case g.next > 0:
		g.acc, err = t.algebra.fold(g.acc, s)
		t.kept--
	case root:
		g.acc, err = t.algebra.root(s)
	default:
		g.acc, err = t.algebra.begin(s)
	}
	g.next++
	return err
}
