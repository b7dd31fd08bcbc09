package classic

// Bounds of couple's iteration, as LIBSVM has them.
const (
	coupleRounds = 100
	coupleError  = 0.005
)

// couple estimates the classes' probabilities p from those of the pairs, r [n, n], by the second method of Wu, Lin and Weng
// (Probability estimates for multi-class classification by pairwise coupling, 2004). The steps are those of ONNX Runtime
// in float32, since the iteration stops at a wide bound and where it stops shows.
func couple(p, r []float32) {
	n := len(p)
	q, qp := make([]float32, n*n), make([]float32, n)
	for i := range n {
		p[i] = 1 / float32(n)
		for j := range n {
			if j == i {
				continue
			}
			q[i*n+i] += float32(r[j*n+i] * r[j*n+i])
			q[i*n+j] = -float32(r[j*n+i] * r[i*n+j])
		}
	}
	for range coupleRounds {
		total := float32(0)
		for i := range n {
			qp[i] = 0
			for j := range n {
				qp[i] += float32(q[i*n+j] * p[j])
			}
			total += float32(p[i] * qp[i])
		}
		worst := float32(0)
		for i := range n {
			worst = max(worst, qp[i]-total, total-qp[i])
		}
		if worst < float32(coupleError)/float32(n) {
			return
		}
		for i := range n {
			diff := (-qp[i] + total) / q[i*n+i]
			p[i] += diff
			total = (total + float32(diff*(float32(diff*q[i*n+i])+2*qp[i]))) / (1 + diff) / (1 + diff)
			for j := range n {
				qp[j] = (qp[j] + float32(diff*q[i*n+j])) / (1 + diff)
				p[j] /= 1 + diff
			}
		}
	}
}
