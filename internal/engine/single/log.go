package single

import "math"

const (
	// leastNormal is the bits of the least positive float32 that is no denormal, infinity those of the infinite one.
	leastNormal, infinity = 0x00800000, 0x7f800000
	// logStep is how many bits of a float32 go from one entry of the table to the next, 1/32 of its power of two.
	logStep = 18
	// logStart is the bits where the table begins. 1 then lies inside an entry, whose centre is 1, so that the logarithm is
	// exact around it.
	logStart = 0x3f800000 - 16<<logStep - 1<<(logStep-1)
)

// logEntry is the inverse of a number in the middle of the entry, and its logarithm.
type logEntry struct{ inverse, log float64 }

var logs = logTable()

func logTable() (t [32]logEntry) {
	for i := range t {
		centre := float64(math.Float32frombits(logStart + uint32(i)<<logStep + 1<<(logStep-1)))
		if i == 16 {
			centre = 1
		}
		t[i] = logEntry{1 / centre, math.Log(centre)}
	}
	return t
}

// logNormal is the logarithm of the float32 with these bits, which must be positive, normal and finite: a relative error
// below 1e-11.
func logNormal(bits uint32) float64 {
	from := bits - logStart
	e := &logs[from>>logStep%32]
	r := float64(math.Float32frombits(bits-from&0xff800000))*e.inverse - 1
	k := float64(int32(from) >> 23)
	return k*math.Ln2 + e.log + (r - r*r*(1./2-r*(1./3-r*(1./4-r*(1./5-r*(1./6))))))
}

// Log is the natural logarithm of a float32: -Inf of 0, NaN below.
func Log(x float32) float64 {
	bits := math.Float32bits(x)
	if bits-leastNormal < infinity-leastNormal {
		return logNormal(bits)
	}
	return math.Log(float64(x))
}

// Pow is x to the power of y, as package math has it.
func Pow(x float32, y float64) float64 {
	bits := math.Float32bits(x)
	if bits-leastNormal < infinity-leastNormal && math.Abs(y) <= math.MaxFloat32 {
		return Exp(y * logNormal(bits))
	}
	return math.Pow(float64(x), y)
}
