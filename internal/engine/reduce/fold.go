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
		// What changes nothing is passed over; max decides about NaN and the signs of zeros.
		for i, v := range x {
			if w := A(v); !(w < acc[i]) {
				acc[i] = max(acc[i], w)
			}
		}
	case least:
		for i, v := range x {
			if w := A(v); !(w > acc[i]) {
				acc[i] = min(acc[i], w)
			}
		}
	}
}

// along folds a run of reduced positions into one accumulator. Sums and products have four parts, the elements by their place modulo
// 4, so that operations do not wait for one another.
func along[A accumulator, T number](f fold, acc A, x []T) A {
	switch f {
	case sum:
		return acc + sumRow[A](x)
	case sumAbs:
		return acc + magnitudes[A](x)
	case sumSquare:
		return acc + squareRow[A](x)
	case product:
		return acc * productRow[A](x)
	case greatest:
		if len(x) > 0 {
			return max(acc, A(maximum(x)))
		}
	case least:
		if len(x) > 0 {
			return min(acc, A(minimum(x)))
		}
	}
	return acc
}

// maximum is the greatest element, NaN above all. Only what is not below the greatest so far is looked at closely.
func maximum[T number](x []T) T {
	best := x[0]
	for _, v := range x[1:] {
		if !(v < best) {
			best = max(best, v)
		}
	}
	return best
}

// minimum is the least element, where NaN wins.
func minimum[T number](x []T) T {
	best := x[0]
	for _, v := range x[1:] {
		if !(v > best) {
			best = min(best, v)
		}
	}
	return best
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

// magnitudes adds |x| in four parts.
func magnitudes[A accumulator, T number](x []T) A {
	switch x := any(x).(type) {
	case []float32:
		return A(magnitudeRow(x))
	case []float64:
		return A(magnitudeRow(x))
	}
	var total A
	for _, v := range x {
		total += magnitude(A(v))
	}
	return total
}

func magnitudeRow[T float](x []T) float64 {
	var a, b, c, d float64
	for ; len(x) >= 4; x = x[4:] {
		a += math.Abs(float64(x[0]))
		b += math.Abs(float64(x[1]))
		c += math.Abs(float64(x[2]))
		d += math.Abs(float64(x[3]))
	}
	for _, v := range x {
		a += math.Abs(float64(v))
	}
	return (a + b) + (c + d)
}

func productRow[A accumulator, T number](x []T) A {
	a, b, c, d := A(1), A(1), A(1), A(1)
	for ; len(x) >= 4; x = x[4:] {
		a *= A(x[0])
		b *= A(x[1])
		c *= A(x[2])
		d *= A(x[3])
	}
	for _, v := range x {
		a *= A(v)
	}
	return (a * b) * (c * d)
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
