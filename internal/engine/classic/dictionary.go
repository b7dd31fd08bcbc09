package classic

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// dictionary finds elements among keys of one kind, the others' maps being nil. values holds the value of each key and, last,
// that of every other element.
type dictionary struct {
	dtype  tensor.DType // of the keys; Invalid where the kind says enough
	words  map[string]int
	ints   map[int64]int
	floats map[float64]int
	nan    int // 1 + position of the key NaN, 0 for none
	values *tensor.Tensor
}

func newDictionary(keys *tensor.Tensor) (*dictionary, error) {
	d := &dictionary{dtype: keys.DType()}
	if keys.DType() == tensor.String {
		d.words = map[string]int{}
		for i := range keys.Len() {
			if d.add(keys.StringAt(i), i) {
				return nil, fmt.Errorf("the key %q is listed twice", keys.StringAt(i))
			}
		}
		return d, nil
	}
	to := tensor.I64
	if keys.DType().Float() {
		to, d.floats = tensor.F64, map[float64]int{}
	} else {
		d.ints = map[int64]int{}
	}
	wide, err := tensor.Convert(keys, to)
	if err != nil {
		return nil, err
	}
	for i := range keys.Len() {
		var key any
		if to == tensor.I64 {
			key = tensor.Of[int64](wide)[i]
		} else {
			key = tensor.Of[float64](wide)[i]
		}
		if d.add(key, i) {
			return nil, fmt.Errorf("the key %v is listed twice", key)
		}
	}
	return d, nil
}

// add notes a key; it reports whether it was there before.
func (d *dictionary) add(key any, at int) (twice bool) {
	switch key := key.(type) {
	case string:
		_, twice = d.words[key]
		d.words[key] = at
	case int64:
		_, twice = d.ints[key]
		d.ints[key] = at
	case float64:
		if key != key {
			twice, d.nan = d.nan > 0, at+1
			break
		}
		_, twice = d.floats[key]
		d.floats[key] = at
	}
	return twice
}

// run is the kernel: each element's value, or the last one.
func (d *dictionary) run(c *engine.Call) error {
	x := c.In[0]
	if d.dtype != tensor.Invalid && x.DType() != d.dtype {
		return fmt.Errorf("input is %v, the keys are %s", x, d.dtype)
	}
	at := make([]int64, x.Len())
	find, err := d.finder(x)
	if err != nil {
		return err
	}
	for i := range at {
		k, ok := find(i)
		if !ok {
			k = d.values.Len() - 1
		}
		at[i] = int64(k)
	}
	c.Out[0], err = engine.Take(c, d.values, 0, at, x.Shape())
	return err
}

// finder looks elements of x up.
func (d *dictionary) finder(x *tensor.Tensor) (func(i int) (int, bool), error) {
	if d.words != nil {
		return func(i int) (k int, ok bool) { k, ok = d.words[x.StringAt(i)]; return k, ok }, nil
	}
	if d.ints != nil {
		wide, err := tensor.Convert(x, tensor.I64)
		if err != nil {
			return nil, err
		}
		list := tensor.Of[int64](wide)
		return func(i int) (k int, ok bool) { k, ok = d.ints[list[i]]; return k, ok }, nil
	}
	wide, err := tensor.Convert(x, tensor.F64)
	if err != nil {
		return nil, err
	}
	list := tensor.Of[float64](wide)
	return func(i int) (int, bool) {
		if list[i] != list[i] {
			return d.nan - 1, d.nan > 0
		}
		k, ok := d.floats[list[i]]
		return k, ok
	}, nil
}
