package infer

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/shardwise/shardwise/internal/tensor"
)

// denseRules are the products of matrices.
func denseRules() map[string]rule {
	return merge(
		onnxRules(inferMatMul, "MatMul"),
		onnxRules(inferMatMulInteger, "MatMulInteger"),
		onnxRules(inferQLinearMatMul, "QLinearMatMul"),
		onnxRules(inferGemm, "Gemm"),
		onnxRules(inferEinsum, "Einsum"),
		onnxRules(inferDet, "Det"),
		onnxRules(inferAttention, "Attention"),
		onnxRules(same, "RotaryEmbedding", "Inverse"),
	)
}

func inferMatMul(c *call) error {
	d, err := c.oneType(0, 1)
	if err != nil {
		return err
	}
	return c.product(0, 1, d)
}

func inferMatMulInteger(c *call) error { return c.product(0, 1, tensor.I32) }

func inferQLinearMatMul(c *call) error { return c.product(0, 3, c.input(7).DType) }

// product is numpy's matmul of two inputs.
func (c *call) product(i, j int, d tensor.DType) error {
	a, b := c.input(i), c.input(j)
	if a.Rank() < 0 || b.Rank() < 0 {
		c.dtype(0, d)
		return nil
	}
	if a.Rank() == 0 || b.Rank() == 0 {
		return fmt.Errorf("its operands are %s and %s, wanted at least one dimension", a, b)
	}
	left, right := a.Dims, b.Dims
	if len(left) == 1 {
		left = []Dim{Const(1), left[0]}
	}
	if len(right) == 1 {
		right = []Dim{right[0], Const(1)}
	}
	if !agree(left[len(left)-1], right[len(right)-2]) {
		return fmt.Errorf("its operands %s and %s cannot be multiplied", a, b)
	}
	dims, err := broadcast(left[:len(left)-2], right[:len(right)-2])
	if err != nil {
		return err
	}
	if a.Rank() > 1 {
		dims = append(dims, left[len(left)-2])
	}
	if b.Rank() > 1 {
		dims = append(dims, right[len(right)-1])
	}
	c.set(0, d, dims...)
	return nil
}

func inferGemm(c *call) error {
	d, err := c.oneType(0, 1, 2)
	if err != nil {
		return err
	}
	a, b := c.input(0), c.input(1)
	if a.Rank() < 0 || b.Rank() < 0 {
		c.dtype(0, d)
		return nil
	}
	if a.Rank() != 2 || b.Rank() != 2 {
		return fmt.Errorf("its operands are %s and %s, wanted two matrices", a, b)
	}
	m, k := a.Dims[0], a.Dims[1]
	if c.node.Int("transA", 0) != 0 {
		m, k = k, m
	}
	kb, n := b.Dims[0], b.Dims[1]
	if c.node.Int("transB", 0) != 0 {
		kb, n = n, kb
	}
	if !agree(k, kb) {
		return fmt.Errorf("the inner dimensions of its operands %s and %s differ", a, b)
	}
	if v := c.input(2); v.Rank() >= 0 && c.has(2) && c.opset >= 7 && !fitsInto(v.Dims, []Dim{m, n}) {
		return fmt.Errorf("its input 2 is %s, which does not broadcast to the result's %s", v, text([]Dim{m, n}))
	}
	c.set(0, d, m, n)
	return nil
}

// fitsInto reports whether a shape may broadcast to another without changing it.
func fitsInto(dims, to []Dim) bool {
	if len(dims) > len(to) {
		return false
	}
	for i, d := range dims {
		if t := to[len(to)-len(dims)+i]; !d.Is(1) && !agree(d, t) {
			return false
		}
	}
	return true
}

func inferDet(c *call) error {
	v := c.input(0)
	if err := c.rank(0, 2, anyRank); err != nil || v.Rank() < 0 {
		c.dtype(0, v.DType)
		return err
	}
	if n := v.Rank(); !agree(v.Dims[n-1], v.Dims[n-2]) {
		return fmt.Errorf("its input is %s, wanted square matrices", v)
	}
	c.set(0, v.DType, v.Dims[:v.Rank()-2]...)
	return nil
}

// equation is an Einsum's, its parts without spaces; "..." stays as one letter, '.'.
type equation struct {
	in  []string
	out string
}

func parseEinsum(s string) (equation, error) {
	s = strings.ReplaceAll(strings.ReplaceAll(s, " ", ""), "...", ".")
	left, right, explicit := strings.Cut(s, "->")
	e := equation{in: strings.Split(left, ","), out: right}
	if strings.ContainsAny(right, ",") || strings.Contains(right, "->") {
		return e, errors.New("its equation has more than one output")
	}
	if !explicit { // the letters that stand once, ascending, behind the ellipsis
		var once []string
		for _, l := range left {
			if l != ',' && l != '.' && strings.Count(left, string(l)) == 1 {
				once = append(once, string(l))
			}
		}
		slices.Sort(once)
		e.out = strings.Join(once, "")
		if strings.Contains(left, ".") {
			e.out = "." + e.out
		}
	}
	for _, part := range append(slices.Clone(e.in), e.out) {
		if strings.Count(part, ".") > 1 || strings.ContainsFunc(part, func(r rune) bool { return r != '.' && (r < 'A' || r > 'z' || r > 'Z' && r < 'a') }) {
			return e, fmt.Errorf("its equation has the part %q", part)
		}
	}
	return e, nil
}

func inferEinsum(c *call) error {
	d, err := c.oneType(c.all(0)...)
	if err != nil {
		return err
	}
	e, err := parseEinsum(c.node.Text("equation", ""))
	if err != nil {
		return err
	}
	if len(e.in) != len(c.in) {
		return fmt.Errorf("its equation has %d operands, its node %d", len(e.in), len(c.in))
	}
	sizes := map[rune]Dim{}
	var rest []Dim // what the ellipsis stands for
	for i, part := range e.in {
		v := c.input(i)
		if v.Rank() < 0 {
			c.dtype(0, d)
			return nil
		}
		named := len(part) - strings.Count(part, ".")
		if v.Rank() < named || v.Rank() > named && named == len(part) {
			return fmt.Errorf("its input %d is %s, for %q in its equation", i, v, part)
		}
		at := 0
		for _, l := range part {
			if l == '.' {
				if rest, err = broadcast(rest, v.Dims[at:at+v.Rank()-named]); err != nil {
					return err
				}
				at += v.Rank() - named
				continue
			}
			old := sizes[l]
			size, ok := unify(old, v.Dims[at])
			if old.Is(1) { // runtimes broadcast here, too
				size, ok = v.Dims[at], true
			} else if old.Known() && v.Dims[at].Is(1) {
				size, ok = old, true
			}
			if !ok {
				return fmt.Errorf("%q is %s and %s in its inputs", l, old, v.Dims[at])
			}
			sizes[l] = size
			at++
		}
	}
	var dims []Dim
	for _, l := range e.out {
		if l == '.' {
			dims = append(dims, rest...)
			continue
		}
		size, ok := sizes[l]
		if !ok {
			return fmt.Errorf("its equation's output has %q, which no input has", l)
		}
		dims = append(dims, size)
	}
	c.set(0, d, dims...)
	return nil
}

// inferAttention: Y, present key and value, and the product of query and key. Inputs of rank 3 hold the heads in their last
// dimension.
func inferAttention(c *call) error {
	q, k, v := c.input(0), c.input(1), c.input(2)
	for i, x := range []Value{q, k, v} {
		if err := c.rank(i, 3, 4); err != nil {
			return err
		}
		if x.Rank() < 0 {
			for i := range c.out {
				c.dtype(i, q.DType)
			}
			return nil
		}
	}
	heads := func(x Value, attr string) (batch, count, length, size Dim) {
		if x.Rank() == 4 {
			return x.Dims[0], x.Dims[1], x.Dims[2], x.Dims[3]
		}
		n := Const(c.node.Int(attr, 0))
		return x.Dims[0], n, x.Dims[1], x.Dims[2].Div(n)
	}
	batch, qHeads, qLen, _ := heads(q, "q_num_heads")
	_, kvHeads, kLen, kSize := heads(k, "kv_num_heads")
	_, _, _, vSize := heads(v, "kv_num_heads")
	total := kLen
	if past := c.input(4); c.has(4) {
		total = Dim{}
		if past.Rank() == 4 {
			total = past.Dims[2].Add(kLen)
		}
	}
	if q.Rank() == 4 {
		c.set(0, q.DType, batch, qHeads, qLen, vSize)
	} else {
		c.set(0, q.DType, batch, qLen, qHeads.Mul(vSize))
	}
	c.set(1, k.DType, batch, kvHeads, total, kSize)
	c.set(2, v.DType, batch, kvHeads, total, vSize)
	c.set(3, q.DType, batch, qHeads, qLen, total)
	return nil
}
