package window

import (
	"slices"
	"sync/atomic"

	"github.com/shardwise/shardwise/internal/tensor"
)

// Memo keeps the geometry of the last extents, so that runs of one shape need no memory for it. The zero value is ready; it
// is safe for concurrent use and must not be copied after the first use.
type Memo struct{ last atomic.Pointer[resolved] }

type resolved struct {
	spatial, kernel tensor.Shape
	geometry        Geometry
}

// Resolve is a.Resolve, which must be of the same Attrs each time. The geometry is shared and must not be changed.
func (m *Memo) Resolve(a *Attrs, spatial, kernel []int) (*Geometry, error) {
	if r := m.last.Load(); r != nil && slices.Equal(r.spatial, spatial) && slices.Equal(r.kernel, kernel) {
		return &r.geometry, nil
	}
	g, err := a.Resolve(spatial, kernel)
	if err != nil {
		return nil, err
	}
	r := &resolved{spatial: slices.Clone(spatial), kernel: slices.Clone(kernel), geometry: g}
	m.last.Store(r)
	return &r.geometry, nil
}
