package embedding

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// bag is EmbeddingBag (shardwise 1): for each bag b, over the indices from offsets[b] up to but not offsets[b+1],
//
//	y[b] = sum | mean | max of factor · table[index]
//
// Offsets behave as the bounds of a slice: they count from the end when negative and stop at the ends of the indices; a bag whose
// end is not behind its start is empty, and has the sum and mean 0 and the maximum -∞. An index counts from the end when negative.
// One that is in no row of the whole table is an error; with AttrFirst and AttrRows, one in a row that this part does not have is left out.
//
// Sums run in float64 in the order of the indices and are rounded once; products are rounded before.
type bag struct {
	site        *engine.Site
	mode        string
	first, rows int64 // rows 0: the table is whole
}

func buildBag(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only(AttrMode, AttrFirst, AttrRows); err != nil {
		return nil, err
	}
	if err := s.Arity(InOffsets+1, inputs, 1); err != nil {
		return nil, err
	}
	b := &bag{site: s, mode: s.Node.Text(AttrMode, ModeSum), first: s.Node.Int(AttrFirst, 0), rows: s.Node.Int(AttrRows, 0)}
	if b.mode != ModeSum && b.mode != ModeMean && b.mode != ModeMax {
		return nil, s.Refuse("mode %q is not known, wanted %s, %s or %s", b.mode, ModeSum, ModeMean, ModeMax)
	}
	if b.first < 0 || b.rows < 0 || b.rows > 0 && b.first >= b.rows {
		return nil, s.Refuse("%s is %d of %d rows", AttrFirst, b.first, b.rows)
	}
	if b.rows > 0 && b.mode == ModeMean {
		return nil, s.Refuse("a part of a table has no mean")
	}
	return b, nil
}

// Run implements engine.Kernel.
func (b *bag) Run(c *engine.Call) error {
	table := c.In[InTable]
	if d := table.DType(); d != tensor.F32 && d != tensor.F64 {
		return fmt.Errorf("wanted a table of F32 or F64, found %v", table)
	}
	if d := c.In[InIndices].DType(); d != tensor.I32 && d != tensor.I64 {
		return fmt.Errorf("wanted indices I32 or I64, found %v", c.In[InIndices])
	}
	if table.Rank() != 2 || c.In[InIndices].Rank() != 1 || c.In[InOffsets].Rank() != 1 {
		return fmt.Errorf("wanted a matrix, indices and offsets, found %v, %v and %v", table, c.In[InIndices], c.In[InOffsets])
	}
	if b.rows > 0 && b.first+int64(table.Dim(0)) > b.rows {
		return fmt.Errorf("%v has rows from %d on of a table of %d", table, b.first, b.rows)
	}
	if f := c.In[InFactors:]; len(f) > 0 && f[0] != nil && (f[0].Rank() != 1 || f[0].DType() != table.DType() || f[0].Len() != c.In[InIndices].Len()) {
		return fmt.Errorf("factors %v for indices %v of %v", f[0], c.In[InIndices], table)
	}
	offsets, err := engine.Int64s(c.In[InOffsets])
	if err != nil {
		return err
	}
	bags := max(len(offsets)-1, 0)
	c.Out[0] = c.New(table.DType(), bags, table.Dim(1))
	if table.DType() == tensor.F64 {
		return run[float64](b, c, offsets)
	}
	return run[float32](b, c, offsets)
}

type float interface{ float32 | float64 }

// rows is what one bag adds up: positions of rows in the table's elements, and their factors.
type rows[T float] struct {
	at      []int64
	factors []T
}

func run[T float](b *bag, c *engine.Call, offsets []int64) error {
	table, out := tensor.Of[T](c.In[InTable]), tensor.Of[T](c.Out[0])
	columns, n := c.In[InTable].Dim(1), c.In[InIndices].Len()
	scratch := rows[T]{at: tensor.Of[int64](c.New(tensor.I64, n))}
	var factors []T
	if c.Has(InFactors) {
		factors = tensor.Of[T](c.In[InFactors])
		scratch.factors = tensor.Of[T](c.New(c.In[InTable].DType(), n))
	}
	for i := range c.Out[0].Dim(0) {
		if i%64 == 0 && c.Ctx.Err() != nil {
			return c.Ctx.Err()
		}
		lo, hi := bound(offsets[i], n), bound(offsets[i+1], n)
		bag, err := pick(b, c, scratch, factors, lo, max(lo, hi), columns)
		if err != nil {
			return err
		}
		y := out[i*columns : (i+1)*columns]
		switch {
		case b.mode == ModeMax:
			greatest(y, table, bag)
		case b.mode == ModeMean:
			total(y, table, bag, float64(max(len(bag.at), 1)))
		default:
			total(y, table, bag, 1)
		}
	}
	return nil
}

// bound is where an offset stands among n indices.
func bound(v int64, n int) int {
	if v < 0 {
		v += int64(n)
	}
	return int(min(max(v, 0), int64(n)))
}

// pick finds the rows of the indices from lo to hi.
func pick[T float](b *bag, c *engine.Call, into rows[T], factors []T, lo, hi, columns int) (rows[T], error) {
	part, whole := int64(c.In[InTable].Dim(0)), b.rows
	if whole == 0 {
		whole = part
	}
	out := rows[T]{into.at[:0], into.factors[:0]}
	for k := lo; k < hi; k++ {
		var v int64
		if c.In[InIndices].DType() == tensor.I32 {
			v = int64(tensor.Of[int32](c.In[InIndices])[k])
		} else {
			v = tensor.Of[int64](c.In[InIndices])[k]
		}
		row := v
		if row < 0 {
			row += whole
		}
		if row < 0 || row >= whole {
			return out, fmt.Errorf("index %d is outside the table's %d rows", v, whole)
		}
		if row -= b.first; row < 0 || row >= part {
			continue
		}
		out.at = append(out.at, row*int64(columns))
		if factors != nil {
			out.factors = append(out.factors, factors[k])
		}
	}
	return out, nil
}

// width is how many columns go through all rows at once: their sums stay in registers, and each row's part is one cache line.
const width = 8

// total is, for each column, the reference loop
//
//	for k: acc += float64(factor[k] * table[at[k] + column])
//	y[column] = acc / count
//
// in blocks of columns, which reads each row's part once and waits for no store.
func total[T float](y, table []T, r rows[T], count float64) {
	column := 0
	for ; column+width <= len(y); column += width {
		var acc [width]float64
		if r.factors == nil {
			acc = block(table, r.at, column)
		} else {
			acc = weighted(table, r, column)
		}
		for i, v := range acc {
			y[column+i] = T(v / count)
		}
	}
	for ; column < len(y); column++ {
		acc := 0.0
		for k, at := range r.at {
			v := table[int(at)+column]
			if r.factors != nil {
				v = T(v * r.factors[k])
			}
			acc += float64(v)
		}
		y[column] = T(acc / count)
	}
}

// block adds up one block of columns.
func block[T float](table []T, at []int64, column int) [width]float64 {
	var a, b, c, d, e, f, g, h float64
	for _, at := range at {
		x := (*[width]T)(table[int(at)+column:])
		a += float64(x[0])
		b += float64(x[1])
		c += float64(x[2])
		d += float64(x[3])
		e += float64(x[4])
		f += float64(x[5])
		g += float64(x[6])
		h += float64(x[7])
	}
	return [width]float64{a, b, c, d, e, f, g, h}
}

// weighted is block with the rows' factors.
func weighted[T float](table []T, r rows[T], column int) [width]float64 {
	var a, b, c, d, e, f, g, h float64
	for k, at := range r.at {
		x, w := (*[width]T)(table[int(at)+column:]), r.factors[k]
		a += float64(T(x[0] * w))
		b += float64(T(x[1] * w))
		c += float64(T(x[2] * w))
		d += float64(T(x[3] * w))
		e += float64(T(x[4] * w))
		f += float64(T(x[5] * w))
		g += float64(T(x[6] * w))
		h += float64(T(x[7] * w))
	}
	return [width]float64{a, b, c, d, e, f, g, h}
}

// greatest is the maximum of each column, row after row; NaN wins.
func greatest[T float](y, table []T, r rows[T]) {
	for i := range y {
		y[i] = T(math.Inf(-1))
	}
	for k, at := range r.at {
		w := T(1)
		if r.factors != nil {
			w = r.factors[k]
		}
		for i, v := range table[at : int(at)+len(y)] {
			y[i] = max(y[i], T(v*w))
		}
	}
}
