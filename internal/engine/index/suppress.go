package index

import (
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// nonMaxSuppression is NonMaxSuppression (ai.onnx 10 to today): for each batch and class the boxes in descending order
// of their scores above the threshold, without those that overlap a chosen one by more than the IOU threshold (default
// 0), and at most so many (default none). Results are rows of batch, class and box. Boxes are two opposite corners, or
// with center_point_box=1 centre and size.
func nonMaxSuppression(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("center_point_box"); err != nil {
		return nil, err
	}
	if err := s.Arity(2, 5, 1); err != nil {
		return nil, err
	}
	most, err := s.Ints(2)
	if err != nil {
		return nil, err
	}
	center := s.Node.Int("center_point_box", 0) != 0
	return engine.KernelFunc(func(c *engine.Call) error {
		boxes, scores := c.In[0], c.In[1]
		if boxes.DType() != tensor.F32 || scores.DType() != tensor.F32 || boxes.Rank() != 3 || scores.Rank() != 3 ||
			boxes.Dim(2) != 4 || scores.Dim(0) != boxes.Dim(0) || scores.Dim(2) != boxes.Dim(1) {
			return fmt.Errorf("boxes are %v and scores %v, wanted F32[batches, boxes, 4] and F32[batches, classes, boxes]", boxes, scores)
		}
		limit, given, err := most.At(c)
		if err != nil {
			return err
		}
		sup := suppression{center: center}
		if given && len(limit) > 0 {
			sup.most = limit[0]
		}
		for i, to := range []**float32{nil, nil, nil, &sup.overlap, &sup.score} {
			if to == nil || !c.Has(i) {
				continue
			}
			if c.In[i].DType() != tensor.F32 || c.In[i].Len() != 1 {
				return fmt.Errorf("input %d is %v, wanted one F32", i, c.In[i])
			}
			*to = &tensor.Of[float32](c.In[i])[0]
		}
		rows := sup.choose(tensor.Of[float32](boxes), tensor.Of[float32](scores), boxes.Dim(0), scores.Dim(1), boxes.Dim(1))
		c.Out[0] = c.New(tensor.I64, len(rows)/3, 3)
		copy(tensor.Of[int64](c.Out[0]), rows)
		return nil
	}), nil
}

type suppression struct {
	center         bool
	most           int64
	overlap, score *float32 // thresholds; nil when absent
}

func (s suppression) choose(boxes, scores []float32, batches, classes, n int) (rows []int64) {
	for b := range batches {
		for class := range classes {
			score := scores[(b*classes+class)*n : (b*classes+class+1)*n]
			var order []int
			for i, v := range score {
				if s.score == nil || v > *s.score {
					order = append(order, i)
				}
			}
			slices.SortStableFunc(order, func(i, j int) int {
				switch {
				case score[i] > score[j]:
					return -1
				case score[i] < score[j]:
					return 1
				}
				return 0
			})
			var chosen []int
			for _, i := range order {
				if int64(len(chosen)) >= s.most {
					break
				}
				if !s.overlaps(boxes[b*n*4:(b+1)*n*4], i, chosen) {
					chosen = append(chosen, i)
					rows = append(rows, int64(b), int64(class), int64(i))
				}
			}
		}
	}
	return rows
}

// overlaps says whether box i overlaps one of the chosen by more than the threshold.
func (s suppression) overlaps(boxes []float32, i int, chosen []int) bool {
	var threshold float32
	if s.overlap != nil {
		threshold = *s.overlap
	}
	a := s.corners(boxes[i*4:])
	for _, j := range chosen {
		b := s.corners(boxes[j*4:])
		h, w := min(a[2], b[2])-max(a[0], b[0]), min(a[3], b[3])-max(a[1], b[1])
		if h <= 0 || w <= 0 {
			continue
		}
		common := h * w
		if union := (a[2]-a[0])*(a[3]-a[1]) + (b[2]-b[0])*(b[3]-b[1]) - common; common/union > threshold {
			return true
		}
	}
	return false
}

// corners are the least and the greatest coordinates of a box.
func (s suppression) corners(b []float32) [4]float32 {
	if s.center {
		return [4]float32{b[1] - b[3]/2, b[0] - b[2]/2, b[1] + b[3]/2, b[0] + b[2]/2}
	}
	return [4]float32{min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3])}
}
