package reduce

import "math"

// fold is what a reduction does with each element.
type fold int

const (
	sum fold = iota
	sumAbs
	sumSquare
	product
	greatest
	least
)

// accumulator is the type in which a reduction goes on: float64, or 64 bits of the integer's kind.
type accumulator interface {
	~float64 | ~int64 | ~uint64
}

// into folds one run of kept positions into their accumulators:
//
//	for i: acc[i] = f(acc[i], x[i])
func into[A accumulator, T number](f fold, acc []A, x []T) {
	acc = acc[:len(x)]
	switch f {
	case sum:
		for i, v := range x {
			acc[i] += A(v)
		}
	case sumAbs:
		for i, v := range x {
			acc[i] += magnitude(A(v))
		}
	case sumSquare:
		for i, v := range x {
			acc[i] += A(A(v) * A(v))
		}
	case product:
		for i, v := range x {
			acc[i] *= A(v)
		}
	case greatest:
		for i, v := range x {
			acc[i] = max(acc[i], A(v))
		}
	case least:
		for i, v := range x {
			acc[i] = min(acc[i], A(v))
		}
	}
}

// along folds a run of reduced positions into one accumulator. Sums have four parts, the elements by their place modulo
// 4, so that additions do not wait for one another.
func along[A accumulator, T number](f fold, acc A, x []T) A {
	switch f {
	case sum:
		return acc + sumRow[A](x)
	case sumAbs:
		for _, v := range x {
			acc += magnitude(A(v))
		}
	case sumSquare:
		return acc + squareRow[A](x)
	case product:
		for _, v := range x {
			acc *= A(v)
		}
	case greatest:
		for _, v := range x {
			acc = max(acc, A(v))
		}
	case least:
		for _, v := range x {
			acc = min(acc, A(v))
		}
	}
	return acc
}

func sumRow[A accumulator, T number](x []T) A {
	var a, b, c, d A
	for ; len(x) >= 4; x = x[4:] {
		a += A(x[0])
		b += A(x[1])
		c += A(x[2])
		d += A(x[3])
	}
	for _, v := range x {
		a += A(v)
	}
	return (a + b) + (c + d)
}

func squareRow[A accumulator, T number](x []T) A {
	var a, b, c, d A
	for ; len(x) >= 4; x = x[4:] {
		a += A(A(x[0]) * A(x[0]))
		b += A(A(x[1]) * A(x[1]))
		c += A(A(x[2]) * A(x[2]))
		d += A(A(x[3]) * A(x[3]))
	}
	for _, v := range x {
		a += A(A(v) * A(v))
	}
	return (a + b) + (c + d)
}

func magnitude[A accumulator](v A) A {
	if f, ok := any(v).(float64); ok {
		return any(math.Abs(f)).(A)
	}
	if v < 0 {
		return -v
	}
	return v
}
