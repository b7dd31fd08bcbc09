package trees

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Transform is how margins become predictions.
type Transform string

// The transforms. Softmax gives probabilities, Argmax the index of the first greatest margin, Sort each row ascending,
// Expectiles the running sum of softplus gaps.
const (
	Identity   Transform = "identity"
	Sigmoid    Transform = "sigmoid"
	Exp        Transform = "exp"
	Hinge      Transform = "hinge"
	Softmax    Transform = "softmax"
	Argmax     Transform = "argmax"
	Sort       Transform = "sort"
	Expectiles Transform = "expectiles"
)

// ObjectiveTransform is the transform that an XGBoost objective applies in the given version ("3.2.0"; "" counts as old).
func ObjectiveTransform(objective, version string) (Transform, error) {
	switch objective {
	case "binary:logistic", "reg:logistic":
		return Sigmoid, nil
	case "multi:softprob":
		return Softmax, nil
	case "multi:softmax":
		return Argmax, nil
	case "count:poisson", "reg:gamma", "reg:tweedie", "survival:aft", "survival:cox":
		return Exp, nil
	case "binary:hinge":
		return Hinge, nil
	case "reg:expectileerror":
		return Expectiles, nil
	case "reg:quantileerror":
		if atLeast(version, 3, 4) {
			return Sort, nil
		}
		return Identity, nil
	case "reg:squarederror", "reg:linear", "reg:squaredlogerror", "reg:absoluteerror", "reg:pseudohubererror", "binary:logitraw",
		"rank:pairwise", "rank:ndcg", "rank:map":
		return Identity, nil
	}
	return "", fmt.Errorf("objective %q is not known", objective)
}

func atLeast(version string, major, minor int) bool {
	parts := append(strings.Split(version, "."), "0", "0")
	a, errA := strconv.Atoi(parts[0])
	b, errB := strconv.Atoi(parts[1])
	return errA == nil && errB == nil && (a > major || a == major && b >= minor)
}

// known reports whether the transform is one of the list.
func (t Transform) known() bool {
	return slices.Contains([]Transform{Identity, Sigmoid, Exp, Hinge, Softmax, Argmax, Sort, Expectiles}, t)
}

// Columns is the number of predictions per row for k margins.
func (t Transform) Columns(k int) int {
	if t == Argmax {
		return 1
	}
	return k
}

// apply computes dst, len(m)/k rows of Columns(k) values, from rows of k margins. Each value is rounded to float32 where the
// library rounds; exponentials are computed in float64, so they differ from the C library's by at most one unit in the last place.
func (t Transform) apply(dst, m []float32, k int) {
	switch t {
	case Identity:
		copy(dst, m)
	case Sigmoid:
		for i, x := range m {
			dst[i] = sigmoid(x)
		}
	case Exp:
		for i, x := range m {
			dst[i] = expf(x)
		}
	case Hinge:
		for i, x := range m {
			dst[i] = 0
			if x > 0 {
				dst[i] = 1
			}
		}
	default:
		for r := range len(m) / k {
			t.applyRow(dst[r*t.Columns(k):(r+1)*t.Columns(k)], m[r*k:(r+1)*k])
		}
	}
}

func (t Transform) applyRow(dst, m []float32) {
	switch t {
	case Softmax:
		softmax(dst, m)
	case Argmax:
		best := 0
		for j, x := range m {
			if m[best] < x {
				best = j
			}
		}
		dst[0] = float32(best)
	case Sort:
		copy(dst, m)
		slices.Sort(dst)
	case Expectiles:
		sum := m[0]
		dst[0] = sum
		for j, x := range m[1:] {
			gap := expectileGap + softplus(x)
			sum += gap
			dst[j+1] = sum
		}
	}
}

// expectileGap keeps neighbouring expectiles apart (kRtEps).
const expectileGap = float32(1e-6)

func expf(x float32) float32 { return float32(math.Exp(float64(x))) }

func softplus(x float32) float32 {
	return float32(math.Max(float64(x), 0) + math.Log1p(math.Exp(-math.Abs(float64(x)))))
}

// sigmoid bounds the exponent as the library does, so that the denominator stays finite.
func sigmoid(x float32) float32 {
	e := expf(min(-x, 88.7))
	return 1 / (e + 1 + 1e-16)
}

// softmax sums in float64 and divides in float32, as the library does.
func softmax(dst, m []float32) {
	top := m[0]
	for _, x := range m[1:] {
		top = max(top, x)
	}
	sum := 0.0
	for j, x := range m {
		dst[j] = expf(x - top)
		sum += float64(dst[j])
	}
	s := float32(sum)
	for j := range dst {
		dst[j] /= s
	}
}
