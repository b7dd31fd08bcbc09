package aggregate

// rowBlock is how many rows go through a kernel together: additions along a row wait for each other (some 4 cycles
// each), those of different rows do not.
const rowBlock = 8

// addColumns adds the columns of values [rows, columns] to sums [rows], strictly from left to right in each row:
//
//	for r { for c { sums[r] += values[r][c] } }
func addColumns[A float32 | float64](sums, values []A, columns int) {
	for len(sums) >= rowBlock {
		addColumns8((*[rowBlock]A)(sums), values, columns)
		sums, values = sums[rowBlock:], values[rowBlock*columns:]
	}
	for r := range sums {
		s := sums[r]
		for _, v := range values[r*columns : (r+1)*columns] {
			s += v
		}
		sums[r] = s
	}
}

func addColumns8[A float32 | float64](sums *[rowBlock]A, values []A, columns int) {
	r0, r1, r2, r3 := values[:columns], values[columns:][:columns], values[2*columns:][:columns], values[3*columns:][:columns]
	r4, r5, r6, r7 := values[4*columns:][:columns], values[5*columns:][:columns], values[6*columns:][:columns], values[7*columns:][:columns]
	s0, s1, s2, s3, s4, s5, s6, s7 := sums[0], sums[1], sums[2], sums[3], sums[4], sums[5], sums[6], sums[7]
	for c := range r0 {
		s0 += r0[c]
		s1 += r1[c]
		s2 += r2[c]
		s3 += r3[c]
		s4 += r4[c]
		s5 += r5[c]
		s6 += r6[c]
		s7 += r7[c]
	}
	*sums = [rowBlock]A{s0, s1, s2, s3, s4, s5, s6, s7}
}

// addColumnsTo adds column c of values [rows, columns] to output to[c] of sums [rows, outputs], strictly from left to
// right in each row:
//
//	for r { for c { sums[r][to[c]] += values[r][c] } }
//
// Every entry of to must lie in [0, outputs).
func addColumnsTo[A float32 | float64](sums, values []A, to []int32, outputs int) {
	columns := len(to)
	for len(sums) >= 4*outputs && outputs > 0 {
		addColumnsTo4(sums[:4*outputs], values, to, outputs)
		sums, values = sums[4*outputs:], values[4*columns:]
	}
	for len(sums) >= outputs && outputs > 0 {
		row := sums[:outputs]
		for c, v := range values[:columns] {
			row[to[c]] += v
		}
		sums, values = sums[outputs:], values[columns:]
	}
}

func addColumnsTo4[A float32 | float64](sums, values []A, to []int32, outputs int) {
	columns := len(to)
	r0, r1, r2, r3 := values[:columns], values[columns:][:columns], values[2*columns:][:columns], values[3*columns:][:columns]
	s0, s1, s2, s3 := sums[:outputs], sums[outputs:][:outputs], sums[2*outputs:][:outputs], sums[3*outputs:][:outputs]
	for c, k := range to {
		s0[k] += r0[c]
		s1[k] += r1[c]
		s2[k] += r2[c]
		s3[k] += r3[c]
	}
}
