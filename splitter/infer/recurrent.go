package infer

import "fmt"

// recurrentRules are the recurrent layers: X [seq, batch, input], or [batch, seq, input] with layout 1.
func recurrentRules() map[string]rule { return onnxRules(inferRecurrent, "RNN", "GRU", "LSTM") }

func inferRecurrent(c *call) error {
	d, err := c.oneType(0, 1, 2, 3, 5, 6)
	if err != nil {
		return err
	}
	x, r := c.input(0), c.input(2)
	for i := range 3 {
		if err := c.rank(i, 3, 3); err != nil {
			return err
		}
	}
	hidden := Dim{}
	if n := c.node.Int("hidden_size", 0); n > 0 {
		hidden = Const(n)
	}
	directions := Const(1)
	if c.node.Text("direction", "forward") == "bidirectional" {
		directions = Const(2)
	}
	if r.Rank() == 3 {
		if !agree(hidden, r.Dims[2]) || !agree(directions, r.Dims[0]) {
			return fmt.Errorf("its recurrence weights are %s for %s directions and a hidden size of %s", r, directions, hidden)
		}
		hidden, _ = unify(hidden, r.Dims[2])
	}
	seq, batch := Dim{}, Dim{}
	if x.Rank() == 3 {
		if w := c.input(1); w.Rank() == 3 && !agree(w.Dims[2], x.Dims[2]) {
			return fmt.Errorf("its input is %s and its weights %s", x, w)
		}
		seq, batch = x.Dims[0], x.Dims[1]
	}
	if c.node.Int("layout", 0) != 0 {
		seq, batch = batch, seq
		c.set(0, d, batch, seq, directions, hidden)
		c.set(1, d, batch, directions, hidden)
		c.set(2, d, batch, directions, hidden)
		return nil
	}
	c.set(0, d, seq, directions, batch, hidden)
	c.set(1, d, directions, batch, hidden)
	c.set(2, d, directions, batch, hidden)
	return nil
}
