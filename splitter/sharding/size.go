package sharding

import (
	"slices"
	"strconv"
	"strings"

	"github.com/shardwise/shardwise/internal/graph"
)

// size is a dimension, or a product of dimensions: a number times symbols. The zero value is not a size; one() is.
type size struct {
	number  int
	symbols []string // sorted, with repetition
}

func one() size { return size{number: 1} }

func number(n int) size { return size{number: n} }

// sizeOf reads a dimension. A symbol that is written as a product ("12*batch") counts as one; any other text is a symbol of its own.
// An unknown dimension is never equal to another: it gets its own symbol by at.
func sizeOf(d graph.Dim, at string) size {
	if d.Size >= 0 {
		return number(d.Size)
	}
	if d.Symbol == "" {
		return size{number: 1, symbols: []string{"?" + at}}
	}
	if strings.ContainsAny(d.Symbol, "()+-/ ") {
		return size{number: 1, symbols: []string{d.Symbol}}
	}
	s := one()
	for _, f := range strings.Split(d.Symbol, "*") {
		if n, err := strconv.Atoi(f); err == nil && n > 0 {
			s.number *= n
		} else {
			s.symbols = append(s.symbols, f)
		}
	}
	slices.Sort(s.symbols)
	return s
}

func (s size) known() bool { return len(s.symbols) == 0 }

func (s size) equal(t size) bool { return s.number == t.number && slices.Equal(s.symbols, t.symbols) }

func (s size) isOne() bool { return s.number == 1 && s.known() }

func (s size) times(t size) size {
	u := size{number: s.number * t.number, symbols: append(slices.Clone(s.symbols), t.symbols...)}
	slices.Sort(u.symbols)
	return u
}

// over divides s by t; ok is false when t does not divide s for every value of the symbols.
func (s size) over(t size) (u size, ok bool) {
	if t.number == 0 || s.number%t.number != 0 {
		return size{}, false
	}
	u = size{number: s.number / t.number, symbols: slices.Clone(s.symbols)}
	for _, sym := range t.symbols {
		i := slices.Index(u.symbols, sym)
		if i < 0 {
			return size{}, false
		}
		u.symbols = slices.Delete(u.symbols, i, i+1)
	}
	return u, true
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
