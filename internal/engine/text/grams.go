package text

import (
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// item is what sequences are made of.
type item interface{ int64 | string }

// gram is a node of the tree of known sequences: what may follow, and which one the sequence up to here is, -1 for none.
type gram[T item] struct {
	next   map[T]*gram[T]
	number int
}

func newGram[T item]() *gram[T] { return &gram[T]{next: map[T]*gram[T]{}, number: -1} }

// add puts in a sequence; it is false when the sequence is there already.
func (g *gram[T]) add(sequence []T, number int) bool {
	for _, v := range sequence {
		if g.next[v] == nil {
			g.next[v] = newGram[T]()
		}
		g = g.next[v]
	}
	fresh := g.number < 0
	g.number = number
	return fresh
}

// counter is TfIdfVectorizer (ai.onnx 9 to today): how often each known sequence of min_gram_length to max_gram_length items
// occurs in a row of X, [C] or [N, C], of integers or strings; with up to max_skip_count items skipped after each one, as many
// everywhere. Sequences of one item count once. The known ones stand in pool_int64s or pool_strings by length, those of n
// items from ngram_counts[n-1] on; ngram_indexes are their columns in the output. Each time that one occurs, mode TF adds 1 to its
// column, TFIDF the column's weight, 1 unless given, and IDF sets the column to its weight. The standard's text has the weights
// in the order of the pool; its reference and ONNX Runtime have them in that of the columns, which converters count on. The
// additions are of F32, as there.
type counter struct {
	least, most, skip int
	mode              string
	weights           []float32
	indexes           []int64
	columns           int
	numbers           *gram[int64]
	words             *gram[string]
}

func vectorizer(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("max_gram_length", "max_skip_count", "min_gram_length", "mode", "ngram_counts", "ngram_indexes", "pool_int64s", "pool_strings",
		"weights"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	n := s.Node
	v := &counter{least: int(n.Int("min_gram_length", 0)), most: int(n.Int("max_gram_length", 0)), skip: int(n.Int("max_skip_count", 0)), mode: n.Text("mode", ""),
		weights: n.Attrs["weights"].Floats, indexes: n.Attrs["ngram_indexes"].Ints}
	if !slices.Contains([]string{"TF", "IDF", "TFIDF"}, v.mode) {
		return nil, s.Refuse("mode is %q, wanted TF, IDF or TFIDF", v.mode)
	}
	if v.least < 1 || v.most < v.least || v.skip < 0 {
		return nil, s.Refuse("min_gram_length %d, max_gram_length %d and max_skip_count %d do not fit together", v.least, v.most, v.skip)
	}
	for _, i := range v.indexes {
		if i < 0 || i > 1<<30 {
			return nil, s.Refuse("ngram_indexes has %d", i)
		}
		v.columns = max(v.columns, int(i)+1)
	}
	if v.columns == 0 || len(v.weights) != 0 && (len(v.weights) != len(v.indexes) || len(v.weights) < v.columns) {
		return nil, s.Refuse("%d weights for %d ngram_indexes and %d columns", len(v.weights), len(v.indexes), v.columns)
	}
	starts := n.Attrs["ngram_counts"].Ints
	if _, numbers := n.Attrs["pool_int64s"]; numbers == (len(n.Attrs["pool_strings"].Strs) > 0) {
		return nil, s.Refuse("wanted either pool_int64s or pool_strings")
	}
	var err error
	if pool := n.Attrs["pool_strings"].Strs; len(pool) > 0 {
		v.words, err = grow(s, pool, starts, len(v.indexes), v.least, v.most)
	} else {
		v.numbers, err = grow(s, n.Attrs["pool_int64s"].Ints, starts, len(v.indexes), v.least, v.most)
	}
	if err != nil {
		return nil, err
	}
	return v, nil
}

// grow makes the tree of the pool's sequences that are not too short or too long; there are count in all.
func grow[T item](s *engine.Site, pool []T, starts []int64, count, least, most int) (*gram[T], error) {
	root, next := newGram[T](), 0
	for i, start := range starts {
		end := int64(len(pool))
		if i+1 < len(starts) {
			end = starts[i+1]
		}
		length := int64(i + 1)
		if start < 0 || end < start || end > int64(len(pool)) || (end-start)%length != 0 {
			return nil, s.Refuse("ngram_counts %v do not cut a pool of %d items into sequences", starts, len(pool))
		}
		for at := start; at < end; at += length {
			if next >= count {
				return nil, s.Refuse("the pool has more sequences than the %d of ngram_indexes", count)
			}
			if sequence := pool[at : at+length]; i+1 >= least && i+1 <= most && !root.add(sequence, next) {
				return nil, s.Refuse("the pool has %v twice", sequence)
			}
			next++
		}
	}
	if next != count {
		return nil, s.Refuse("the pool has %d sequences, ngram_indexes %d", next, count)
	}
	return root, nil
}

// Run implements engine.Kernel. It fails when X is of words and the pool of numbers, or the other way round.
func (v *counter) Run(c *engine.Call) error {
	x := c.In[0]
	if x.Rank() != 1 && x.Rank() != 2 {
		return fmt.Errorf("input is %v, wanted [C] or [N, C]", x)
	}
	if (x.DType() == tensor.String) != (v.words != nil) {
		return fmt.Errorf("input is %v, and the pool is of the other kind", x)
	}
	rows, width := 1, x.Dim(x.Rank()-1)
	c.Out[0] = c.New(tensor.F32, v.columns)
	if x.Rank() == 2 {
		rows = x.Dim(0)
		c.Out[0] = c.New(tensor.F32, rows, v.columns)
	}
	dst := tensor.Of[float32](c.Out[0])
	clear(dst)
	if v.words != nil {
		count(v, v.words, dst, wordsOf(x), rows, width)
		return nil
	}
	items, err := engine.Int64s(x)
	if err == nil {
		count(v, v.numbers, dst, items, rows, width)
	}
	return err
}

// count adds the sequences of each row to its counts.
func count[T item](v *counter, root *gram[T], dst []float32, items []T, rows, width int) {
	for r := range rows {
		row, counts := items[r*width:(r+1)*width], dst[r*v.columns:(r+1)*v.columns]
		least := v.least
		for step := 1; step <= v.skip+1 && step <= width; step++ {
			for start := range row {
				g := root
				for length, at := 1, start; length <= v.most && at < width; length, at = length+1, at+step {
					if g = g.next[row[at]]; g == nil {
						break
					}
					if length >= least && g.number >= 0 {
						v.met(counts, int(v.indexes[g.number]))
					}
				}
			}
			if least = max(least, 2); least > v.most {
				break // sequences of one item are the same whatever is skipped
			}
		}
	}
}

// met notes one occurrence of a sequence of the column.
func (v *counter) met(counts []float32, column int) {
	w := float32(1)
	if len(v.weights) > 0 && v.mode != "TF" {
		w = v.weights[column]
	}
	if v.mode == "IDF" {
		counts[column] = w
	} else {
		counts[column] += w
	}
}
