package coordinator

import (
	"fmt"
	"math"
	"slices"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/wire"
)

// blockBytes bounds what all requests and replies of one stage and block take together, so that a coordinator with
// few hundred MB can have several blocks under way; blocks smaller than a few MB would pay for more round trips.
const blockBytes = 16 << 20

// unknownRows is the block size when some value's size is not declared: small enough for any sensible row.
const unknownRows = 256

// messageOverhead bounds what a request or reply takes beside its tensors: envelope, metadata, frame header.
func messageOverhead(names ...string) int {
	n := 8 * wire.MaxText
	for _, s := range names {
		n += 256 + 8*len(s)
	}
	return n
}

// blockRows is the greatest number of rows whose requests and replies fit Lambda's limits in every stage of the steps.
// It depends on the model, the mode, the outputs and the deployment alone, never on a request. When not even one row
// fits, blocks are of one row each, which goes by reference (heavy), or a few rows that go to different shards; without a store that fails with kind TooLarge,
// naming the stage and shard. Where rows fit they are not joined to larger blocks by reference: a message costs less.
func (c *Coordinator) blockRows(steps []manifest.Step) (rows int, heavy bool, err error) {
	x := newExtents(c.manifest, c.tableColumns)
	rows = math.MaxInt
	for i := range steps {
		step := &steps[i]
		if step.Local != nil {
			if p, ok := c.local.Program(step.Name); ok {
				x.computed(step.Local, p.Graph)
			}
			continue
		}
		n, err := c.stageRows(x, step)
		if err != nil {
			if heavy = c.store != nil && shard.KindOf(err) == shard.TooLarge; !heavy {
				return 0, false, err
			}
			if n, err = c.heavyRows(x, step.Stage); err != nil {
				return 0, false, err
			}
		}
		rows = min(rows, n)
		for j := range step.Stage.Outputs {
			x.merged(step.Stage, &step.Stage.Outputs[j])
		}
	}
	return rows, heavy, nil
}

// tally adds up what one message takes.
type tally struct {
	perRow, fixed int
	unknown       bool
}

func (t *tally) add(e extent) {
	perRow, fixed, ok := e.bytes()
	t.perRow, t.fixed, t.unknown = t.perRow+perRow, t.fixed+fixed, t.unknown || !ok
}

// rows is how many rows fit in limit bytes, of which base64 takes 4 for every 3; 0 when none does.
func (t *tally) rows(limit, overhead int, base64 bool) int {
	room := limit - overhead
	if base64 {
		room = room / 4 * 3
	}
	room -= t.fixed
	switch {
	case room < t.perRow || room < 0:
		return 0
	case t.perRow == 0:
		return math.MaxInt
	}
	return room / t.perRow
}

func (c *Coordinator) stageRows(x *extents, step *manifest.Step) (int, error) {
	stage := step.Stage
	rows, perRow := math.MaxInt, 0
	for p, s := range stage.Shards {
		request, reply, names, err := c.messages(x, stage, p)
		if err != nil {
			return 0, err
		}
		overhead := messageOverhead(names...)
		n := min(request.rows(wire.MaxRequest, overhead, true), reply.rows(wire.MaxReply, overhead, c.deployment.Reply != wire.ReplyRaw))
		if n == 0 {
			return 0, &shard.Error{Op: "stage " + step.Name, Shard: s, Of: len(c.manifest.Shards), Kind: shard.TooLarge,
				Message: fmt.Sprintf("one row takes %d bytes in the request and %d in the reply, beyond lambda's limits of %d and %d in base64; give the deployment a store, split the model into more shards, or choose another mode or fewer outputs",
					request.perRow+request.fixed, reply.perRow+reply.fixed, wire.MaxRequest, wire.MaxReply)}
		}
		if request.unknown || reply.unknown {
			n = min(n, unknownRows)
		}
		rows = min(rows, n, c.memoryRows(s))
		perRow += request.perRow + reply.perRow
	}
	if stage.ByRows() {
		rows, perRow = shared(rows, len(stage.Shards)), perRow/len(stage.Shards)
	}
	if perRow > 0 {
		rows = min(rows, max(blockBytes/perRow, 1))
	}
	return rows, nil
}

// messages are the sizes of the request to and the reply of the shard at position p, and the names of their tensors.
func (c *Coordinator) messages(x *extents, stage *manifest.Stage, p int) (request, reply tally, names []string, err error) {
	for i := range stage.Inputs {
		if _, gets := stage.Inputs[i].Receiver(p); !gets {
			continue
		}
		request.add(x.input(stage, &stage.Inputs[i], p))
		names = append(names, stage.Inputs[i].Name)
	}
	seen := map[string]bool{}
	for i := range stage.Outputs {
		if _, yields := stage.Outputs[i].Contributor(p); !yields {
			continue
		}
		for j := range stage.Outputs[i].Components {
			component := &stage.Outputs[i].Components[j]
			if !seen[component.Name] {
				seen[component.Name] = true
				e, err := x.component(stage, &stage.Outputs[i], component, p)
				if err != nil {
					return request, reply, nil, err
				}
				reply.add(e)
				names = append(names, component.Name)
			}
		}
	}
	return request, reply, names, nil
}

// memoryRows is how many rows a shard's function has memory for, by the splitter's estimate; at least one.
func (c *Coordinator) memoryRows(s int) int {
	m := c.manifest.Shards[s].Memory
	if m.PerRow <= 0 {
		return math.MaxInt
	}
	free := int64(c.deployment.Shards[s].MemoryMB)<<20 - m.Weights - m.Fixed
	return int(max(min(free/m.PerRow, math.MaxInt32), 1))
}

// tableColumns is the number of elements of a merge table; 0 when the merge has none.
func (c *Coordinator) tableColumns(name string) (int, error) {
	if name == "" {
		return 0, nil
	}
	t, err := c.local.Weight(name)
	if err != nil {
		return 0, &shard.Error{Op: "plan blocks", Kind: shard.OpenKind(err), Message: fmt.Sprintf("merge table %q", name), Cause: err}
	}
	return t.Len(), nil
}

// span is one block of rows, [lo, hi).
type span struct{ lo, hi int }

// cut divides rows into the fewest blocks of at most limit rows, as even as can be.
func cut(rows, limit int) []span {
	n := 1
	if rows > limit {
		n = (rows-1)/limit + 1
	}
	spans := make([]span, n)
	for i := range spans {
		spans[i] = span{share(rows, i, n), share(rows, i+1, n)}
	}
	return spans
}

// share is rows*i/n without overflow.
func share(rows, i, n int) int { return rows/n*i + rows%n*i/n }

// batched reports whether some input and every wanted output have independent rows in front, so that rows may be cut.
// Inputs without rows go whole with every block.
func batched(sig *manifest.Signature, outputs []manifest.Output) bool {
	for _, out := range outputs {
		if !sig.Batched(out.Shape) {
			return false
		}
	}
	return slices.ContainsFunc(sig.Inputs, func(in manifest.Input) bool { return sig.Batched(in.Shape) })
}

// joinRows puts the blocks' tensors under one another. One block is returned as it is.
func joinRows(parts []*tensor.Tensor) (*tensor.Tensor, error) {
	if len(parts) == 1 {
		return parts[0], nil
	}
	rows, size := 0, 0
	first := parts[0]
	for _, p := range parts {
		if p.DType() != first.DType() || p.Rank() == 0 || !tensor.Shape(p.Shape()[1:]).Equal(first.Shape()[1:]) {
			return nil, fmt.Errorf("blocks of %v and %v cannot stand under one another", first, p)
		}
		rows, size = rows+p.Dim(0), size+len(p.Bytes())
	}
	shape := first.Shape().Clone()
	shape[0] = rows
	if first.DType() == tensor.String {
		return joinStrings(parts, shape, size)
	}
	data := tensor.Aligned(size)
	at := 0
	for _, p := range parts {
		at += copy(data[at:], p.Bytes())
	}
	return tensor.FromBytes(first.DType(), shape, data)
}

func joinStrings(parts []*tensor.Tensor, shape tensor.Shape, size int) (*tensor.Tensor, error) {
	data := make([]byte, 0, size)
	offsets := []int64{0}
	for _, p := range parts {
		base := int64(len(data))
		data = append(data, p.Bytes()...)
		for _, o := range p.Offsets()[1:] {
			offsets = append(offsets, base+o)
		}
	}
	return tensor.StringsFromBytes(shape, offsets, data)
}
