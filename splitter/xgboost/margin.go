package xgboost

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// baseScore reads base_score in all its forms, "5E-1" and "[1E0,2E0]", and gives one value per output: a single one holds for all.
func baseScore(text string, outputs int) ([]float32, error) {
	list := []string{text}
	if inner, ok := strings.CutPrefix(text, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		if !ok {
			return nil, fmt.Errorf("base_score %.60q lacks its closing bracket", text)
		}
		list = strings.Split(inner, ",")
	}
	if len(list) != 1 && len(list) != outputs {
		return nil, fmt.Errorf("base_score has %d values, the model has %d outputs", len(list), outputs)
	}
	scores := make([]float32, outputs)
	for i := range scores {
		s := strings.TrimSpace(list[i%len(list)])
		v, err := strconv.ParseFloat(s, 32)
		if err != nil || v != v || math.IsInf(v, 0) {
			return nil, fmt.Errorf("base_score %.60q is not a finite number", s)
		}
		scores[i] = float32(v)
	}
	return scores, nil
}

// link is how an objective turns a base score into a margin.
type link uint8

const (
	identity link = iota
	logit
	logarithm
	expectile
)

// links are the objectives that are served.
func links() map[string]link {
	return map[string]link{
		"binary:logistic": logit, "reg:logistic": logit,
		"count:poisson": logarithm, "reg:gamma": logarithm, "reg:tweedie": logarithm, "survival:aft": logarithm, "survival:cox": logarithm,
		"reg:squarederror": identity, "reg:linear": identity, "reg:squaredlogerror": identity, "reg:absoluteerror": identity, "reg:pseudohubererror": identity,
		"reg:quantileerror": identity, "binary:hinge": identity, "binary:logitraw": identity,
		"rank:pairwise": identity, "rank:ndcg": identity, "rank:map": identity,
		"multi:softmax": identity, "multi:softprob": identity,
		"reg:expectileerror": expectile,
	}
}

// margins turns base scores into margins, in place, with the library's own float32 arithmetic. The objective must be known.
func margins(objective string, scores []float32) error {
	l := links()[objective]
	for i, p := range scores {
		switch {
		case l == logit && !(p > 0 && p < 1):
			return fmt.Errorf("base_score %v is no probability between 0 and 1, which %s needs", p, objective)
		case l == logarithm && !(p > 0):
			return fmt.Errorf("base_score %v is not positive, which %s needs", p, objective)
		case l == logit:
			inverse := 1 / p
			scores[i] = -logf(inverse - 1)
		case l == logarithm:
			scores[i] = logf(p)
		}
	}
	if l == expectile {
		expectileMargins(scores)
	}
	return nil
}

// expectileGap keeps neighbouring expectiles apart (kRtEps).
const expectileGap = float32(1e-6)

// expectileMargins keeps the first expectile and puts softplus inverses in place of the gaps between neighbours. The inverse of a
// gap g, at least expectileGap, is g + log(1 - exp(-g)); the exponential is rounded to float32 once, as C libraries since
// glibc 2.41 do.
func expectileMargins(m []float32) {
	for j := len(m) - 1; j >= 1; j-- {
		gap := max(m[j]-m[j-1]-expectileGap, expectileGap)
		m[j] = gap + logf(-float32(math.Expm1(float64(-gap))))
	}
}
