package reference

import (
	"context"
	"errors"
	"fmt"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// start is the margin of every row before the first tree.
func (f *forest) start(rows int) ([]float32, error) {
	k := len(f.sum.Merge.Init)
	if k == 0 {
		return nil, errors.New("the plan names no starting margin; split the model again")
	}
	sums := make([]float32, rows*k)
	for i, text := range f.sum.Merge.Init {
		v, err := manifest.ParseHexF32(text)
		if err != nil {
			return nil, err
		}
		for r := range rows {
			sums[r*k+i] = v
		}
	}
	return sums, nil
}

// add adds the leaves of some trees, tree by tree, to the margins; column is the first tree's place in the table.
// It returns the place after the last.
func (f *forest) add(sums []float32, values *tensor.Tensor, rows, column int) (int, error) {
	k := len(f.sum.Merge.Init)
	width := values.Dim(1)
	if values.Dim(0) != rows || column+width > len(f.table) {
		return 0, fmt.Errorf("its leaf values are %v, wanted %d rows and at most %d columns", values, rows, len(f.table)-column)
	}
	leaf := tensor.Of[float32](values)
	for r := range rows {
		for c := range width {
			to := int(f.table[column+c])
			if to < 0 || to >= k {
				return 0, fmt.Errorf("the table gives leaf column %d to output %d of %d; split the model again", column+c, to, k)
			}
			sums[r*k+to] += leaf[r*width+c]
		}
	}
	return column + width, nil
}

// outputs turns margins and leaves into the wanted outputs of the signature.
func (f *forest) outputs(ctx context.Context, sums []float32, leaves []*tensor.Tensor, rows int, names []string) (tensor.Named, error) {
	wanted, err := f.m.ResolveOutputs(names)
	if err != nil {
		return nil, err
	}
	values := tensor.Named{}
	if values[margin], err = f.margins(sums, rows); err != nil {
		return nil, err
	}
	if values[leafIndex], err = joinColumns(leaves, rows); err != nil {
		return nil, err
	}
	out := tensor.Named{}
	for _, o := range wanted {
		if values[o.Name] == nil {
			if err := f.epilogue(ctx, values); err != nil {
				return nil, err
			}
		}
		if out[o.Name] = values[o.Name]; out[o.Name] == nil {
			return nil, fmt.Errorf("output %s cannot be computed without the coordinator's plan; compare it with predict --expect", o.Name)
		}
	}
	return out, nil
}

// margins gives the sums the shape of the signature: one value a row is a vector.
func (f *forest) margins(sums []float32, rows int) (*tensor.Tensor, error) {
	k := len(f.sum.Merge.Init)
	if f.sum.Merge.Squeeze && k == 1 {
		return tensor.FromSlice(tensor.F32, sums, rows)
	}
	return tensor.FromSlice(tensor.F32, sums, rows, k)
}

// epilogue runs the coordinator's local programs on what is known.
func (f *forest) epilogue(ctx context.Context, values tensor.Named) error {
	for _, s := range f.m.Steps {
		if s.Local == nil {
			continue
		}
		p, ok := f.local.Program(s.Name)
		if !ok {
			return fmt.Errorf("the coordinator has no program for step %s; split the model again", s.Name)
		}
		in := tensor.Named{}
		for _, name := range s.Local.Inputs {
			in[name] = values[name]
		}
		out, err := p.Run(ctx, in, s.Local.Outputs)
		if err != nil {
			return fmt.Errorf("step %s: %w", s.Name, err)
		}
		for name, t := range out {
			values[name] = t
		}
	}
	return nil
}

// joinColumns puts int32 matrices side by side.
func joinColumns(parts []*tensor.Tensor, rows int) (*tensor.Tensor, error) {
	width := 0
	for _, p := range parts {
		if p == nil || p.DType() != tensor.I32 || p.Rank() != 2 || p.Dim(0) != rows {
			return nil, fmt.Errorf("leaf indices are %v, wanted I32 with %d rows", p, rows)
		}
		width += p.Dim(1)
	}
	out := tensor.New(tensor.I32, rows, width)
	dst := tensor.Of[int32](out)
	at := 0
	for _, p := range parts {
		w := p.Dim(1)
		src := tensor.Of[int32](p)
		for r := range rows {
			copy(dst[r*width+at:], src[r*w:(r+1)*w])
		}
		at += w
	}
	return out, nil
}

// Close unmaps all files.
func (f *forest) Close() error {
	var faults []error
	for _, s := range f.shards {
		faults = append(faults, s.Close())
	}
	if f.local != nil {
		faults = append(faults, f.local.Close())
	}
	return errors.Join(faults...)
}
