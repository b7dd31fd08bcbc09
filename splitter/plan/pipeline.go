package plan

import (
	"math"
	"slices"
	"sort"
)

// pipeline cuts the whole graph into exactly n segments, one a shard, so that the largest has the fewest bytes, and then the least crosses
// the borders. ok is false when there are fewer items.
func (s *search) pipeline() (*choice, bool) {
	k := len(s.l.items)
	if k < s.n {
		return nil, false
	}
	sum := make([]int64, k+1)
	for i, it := range s.l.items {
		sum[i+1] = sum[i] + it.bytes
	}
	largest := leastLargest(sum, s.n)
	// crossing[p][to] is the least that crosses the borders of p segments over the items before to, none above largest.
	crossing, from := make([][]int64, s.n+1), make([][]int, s.n+1)
	for p := range crossing {
		crossing[p], from[p] = make([]int64, k+1), make([]int, k+1)
		for i := range crossing[p] {
			crossing[p][i] = math.MaxInt64
		}
	}
	crossing[0][0] = 0
	for p := 1; p <= s.n; p++ {
		for to := p; to <= k; to++ {
			for f := to - 1; f >= p-1 && sum[to]-sum[f] <= largest; f-- {
				if before := crossing[p-1][f]; before < math.MaxInt64 && before+s.l.alive[s.l.edges[to]] < crossing[p][to] {
					crossing[p][to], from[p][to] = before+s.l.alive[s.l.edges[to]], f
				}
			}
		}
	}
	if crossing[s.n][k] == math.MaxInt64 {
		return nil, false
	}
	var spans [][2]int
	for p, to := s.n, k; p > 0; p-- {
		spans = append(spans, [2]int{from[p][to], to})
		to = from[p][to]
	}
	slices.Reverse(spans)
	return s.fill(&choice{shards: s.n}, spans), true
}

// leastLargest is the smallest size for which n segments suffice; sum are the sizes of all items before each.
func leastLargest(sum []int64, n int) int64 {
	widest := int64(0)
	for i := 1; i < len(sum); i++ {
		widest = max(widest, sum[i]-sum[i-1])
	}
	total := sum[len(sum)-1]
	extra := sort.Search(int(total-widest), func(extra int) bool {
		segments, begin := 1, int64(0)
		for i := 1; i < len(sum); i++ {
			if sum[i]-begin > widest+int64(extra) {
				segments, begin = segments+1, sum[i-1]
			}
		}
		return segments <= n
	})
	return widest + int64(extra)
}
