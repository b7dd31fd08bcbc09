package sharding

import (
	"strings"
)

func productRules() map[string]ruler {
	return map[string]ruler{
		"MatMul":        matMul,
		"MatMulInteger": matMulInteger,
		"Gemm":          gemm,
		"Einsum":        einsum,
	}
}

// matMul is y [b..., i, j] = x [b..., i, k] · w [b..., k, j]; one-dimensional operands lack i or j.
func matMul(n *node) *rule {
	if len(n.in) < 2 || len(n.in[0].Dims) == 0 || len(n.in[1].Dims) == 0 {
		return nil
	}
	b := newBuilder(n)
	rx, rw, ry := len(n.in[0].Dims), len(n.in[1].Dims), len(n.out[0].Dims)
	k := b.factor(n.inDim(0, rx-1), sum)
	b.tie(0, rx-1, k)
	b.tie(1, max(rw-2, 0), k)
	at := ry
	if rw > 1 {
		j := b.factor(n.inDim(1, rw-1), pass)
		b.tie(1, rw-1, j)
		at--
		b.yield(0, at, j)
	}
	if rx > 1 {
		i := b.factor(n.inDim(0, rx-2), pass)
		b.tie(0, rx-2, i)
		at--
		b.yield(0, at, i)
	}
	for d := range at {
		f := b.factor(n.outDim(0, d), pass)
		b.yield(0, d, f)
		for i, rank := range []int{rx, rw} {
			from := d - (at - (rank - 2))
			if from < 0 {
				continue
			}
			if sameDim(n.inDim(i, from), n.outDim(0, d)) {
				b.tie(i, from, f)
			} else if !n.inDim(i, from).isOne() {
				b.r.factors[f].kind = fixed
			}
		}
	}
	return b.rule()
}

// matMulInteger is matMul of integers less their zero points. Its sums are exact; a zero point for each row or column is cut with it.
func matMulInteger(n *node) *rule {
	for i := 2; i < len(n.in); i++ {
		if n.has(i) && len(n.in[i].Dims) > 0 && !(len(n.in[i].Dims) == 1 && n.inDim(i, 0).isOne()) {
			return nil
		}
	}
	r := matMul(n)
	return r
}

// gemm is y [i, j] = alpha·A·B + beta·C, C broadcast to [i, j] and counted once.
func gemm(n *node) *rule {
	if len(n.in) < 2 || len(n.in[0].Dims) != 2 || len(n.in[1].Dims) != 2 {
		return nil
	}
	b := newBuilder(n)
	ai, ak, bk, bj := 0, 1, 0, 1
	if n.Int("transA", 0) != 0 {
		ai, ak = 1, 0
	}
	if n.Int("transB", 0) != 0 {
		bk, bj = 1, 0
	}
	i, k, j := b.factor(n.inDim(0, ai), pass), b.factor(n.inDim(0, ak), sum), b.factor(n.inDim(1, bj), pass)
	b.tie(0, ai, i)
	b.tie(0, ak, k)
	b.tie(1, bk, k)
	b.tie(1, bj, j)
	b.yield(0, 0, i)
	b.yield(0, 1, j)
	if n.has(2) {
		b.r.once = 2
		rank := len(n.in[2].Dims)
		for d, f := range map[int]int{rank - 1: j, rank - 2: i} {
			if d >= 0 && sameDim(n.inDim(2, d), b.r.factors[f].size) {
				b.tie(2, d, f)
			} else if d >= 0 && !n.inDim(2, d).isOne() {
				b.r.factors[f].kind = fixed
			}
		}
	}
	return b.rule()
}

// einsum writes each letter as a factor: in the result it passes, elsewhere it is summed. Repeated letters in one operand and
// ellipses are left alone.
func einsum(n *node) *rule {
	equation := strings.ReplaceAll(n.Text("equation", ""), " ", "")
	left, right, ok := strings.Cut(equation, "->")
	terms := strings.Split(left, ",")
	if !ok || strings.Contains(equation, ".") || len(terms) != len(n.in) || len(right) != len(n.out[0].Dims) {
		return nil
	}
	b := newBuilder(n)
	letters := map[rune]int{}
	for i, term := range terms {
		if len(term) != len(n.in[i].Dims) {
			return nil
		}
		seen := map[rune]bool{}
		for d, c := range term {
			if seen[c] {
				return nil
			}
			seen[c] = true
			f, known := letters[c]
			if !known {
				k := sum
				if strings.ContainsRune(right, c) {
					k = pass
				}
				f = b.factor(n.inDim(i, d), k)
				letters[c] = f
			}
			if !b.r.factors[f].size.equal(n.inDim(i, d)) {
				return nil
			}
			b.tie(i, d, f)
		}
	}
	for d, c := range right {
		f, known := letters[c]
		if !known {
			return nil
		}
		b.yield(0, d, f)
	}
	return b.rule()
}
