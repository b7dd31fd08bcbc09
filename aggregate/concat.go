package aggregate

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// maxResult bounds what bounds can make concat allocate before the parts are there: all the memory that a Lambda
// function can have, 10,240 MB.
const maxResult = 10240 << 20

// newConcat makes the rule concat: the parts, by position, one after the other along Dim. Extents along Dim may
// differ; where Bounds are given they must be the bounds'.
func newConcat(s stage) (rule, error) {
	if len(s.Bounds) != 0 && len(s.Bounds) != s.n+1 {
		return nil, s.bad("has %d bounds for %d shards; wanted one more than shards, or none", len(s.Bounds), s.n)
	}
	if s.Dim < 0 {
		return nil, s.bad("along dimension %d; wanted 0 or more", s.Dim)
	}
	return &concat{stage: s, parts: make([]*tensor.Tensor, s.n)}, nil
}

// concat is the rule of concat. With bounds each part is copied to its place when it comes; without them, and for
// strings, the parts wait.
type concat struct {
	stage
	same  same
	parts []*tensor.Tensor
	kept  int
	out   *tensor.Tensor // set from the first part on when places are known
}

func (r *concat) accept(i int, p Partial) error {
	t := p[manifest.RoleValue]
	if err := r.wantDType(i, manifest.RoleValue, t, r.DType); err != nil {
		return err
	}
	if t.Rank() <= r.Dim && !r.alone(t) {
		return r.refuse(i, manifest.RoleValue, fmt.Sprintf("more than %d dimensions", r.Dim), t.Shape().String())
	}
	if err := r.same.check(&r.stage, i, manifest.RoleValue, t, r.Dim); err != nil {
		return err
	}
	if len(r.Bounds) > 0 {
		if want := r.Bounds[i+1] - r.Bounds[i]; t.Dim(r.Dim) != want {
			return r.refuse(i, manifest.RoleValue, fmt.Sprintf("%d along dimension %d", want, r.Dim), t.Shape().String())
		}
	}
	r.same.remember(i, t)
	if len(r.Bounds) == 0 || r.DType == tensor.String {
		r.parts[i] = t
		r.kept++
		return nil
	}
	if r.out == nil {
		out, err := r.allocate(r.Bounds[r.n])
		if err != nil {
			return err
		}
		r.out = out
	}
	return r.place(t, r.Bounds[i])
}

// alone reports whether the only part is a scalar, which is the result.
func (r *concat) alone(t *tensor.Tensor) bool { return r.n == 1 && t.Rank() == 0 && len(r.Bounds) == 0 }

// allocate makes the result, total wide along Dim.
func (r *concat) allocate(total int) (*tensor.Tensor, error) {
	shape := r.same.shape.Clone()
	shape[r.Dim] = total
	n, err := shape.Elements()
	if err != nil {
		return nil, r.bad("%v", err)
	}
	if n > maxResult/r.DType.Size() {
		return nil, r.bad("the result %v%v would have more than %d bytes; cut the rows into smaller blocks", r.DType, shape, maxResult)
	}
	return tensor.New(r.DType, shape...), nil
}

// place copies part t to offset at along Dim.
func (r *concat) place(t *tensor.Tensor, at int) error {
	same, err := as(t, r.DType)
	if err != nil {
		return r.bad("%v", err)
	}
	outer, extent, inner := spans(t.Shape(), r.Dim)
	size := r.DType.Size()
	run, stride := extent*inner*size, r.out.Dim(r.Dim)*inner*size
	from, to := same.Bytes(), r.out.Bytes()
	for o := range outer {
		copy(to[o*stride+at*inner*size:], from[o*run:(o+1)*run])
	}
	return nil
}

func (r *concat) result() (*tensor.Tensor, error) {
	if r.out != nil {
		return r.out, nil
	}
	if r.alone(r.parts[0]) {
		return r.scalar(r.parts[0])
	}
	total := 0
	for _, t := range r.parts {
		total += t.Dim(r.Dim)
	}
	if r.DType == tensor.String {
		return r.strings(total)
	}
	out, err := r.allocate(total)
	if err != nil {
		return nil, err
	}
	r.out = out
	at := 0
	for i, t := range r.parts {
		if err := r.place(t, at); err != nil {
			return nil, err
		}
		at += t.Dim(r.Dim)
		r.parts[i] = nil
		r.kept--
	}
	return out, nil
}

// scalar copies the only part.
func (r *concat) scalar(t *tensor.Tensor) (*tensor.Tensor, error) {
	if r.DType == tensor.String {
		return tensor.FromStrings(tensor.Shape{}, []string{t.StringAt(0)})
	}
	same, err := as(t, r.DType)
	if err != nil {
		return nil, r.bad("%v", err)
	}
	out := tensor.New(r.DType)
	copy(out.Bytes(), same.Bytes())
	return out, nil
}

func (r *concat) strings(total int) (*tensor.Tensor, error) {
	shape := r.same.shape.Clone()
	shape[r.Dim] = total
	outer, _, _ := spans(shape, r.Dim)
	var values []string
	for o := range outer {
		for _, t := range r.parts {
			_, extent, inner := spans(t.Shape(), r.Dim)
			for k := range extent * inner {
				values = append(values, t.StringAt(o*extent*inner+k))
			}
		}
	}
	out, err := tensor.FromStrings(shape, values)
	if err != nil {
		return nil, r.bad("%v", err)
	}
	return out, nil
}
