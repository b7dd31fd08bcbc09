package aggregate

// held is the number of contributions and accumulators that a merger keeps.
func held(m Merger) int { return m.(*merger).rule.(interface{ held() int }).held() }

func (r *weightedMean) held() int { return r.tree.kept }
func (r *ordered[A]) held() int   { return len(r.waiting) }
func (r *sum[A]) held() int       { return r.tree.kept }
func (r *extreme) held() int      { return 0 }
func (r *topk) held() int         { return 0 }
func (r *vote) held() int         { return 0 }
func (r *moments) held() int      { return r.tree.kept }
func (r *softmax) held() int      { return r.tree.kept + r.kept }
func (r *concat) held() int       { return r.kept }
func (r *scatterBack) held() int  { return r.kept }
