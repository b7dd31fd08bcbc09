package parts

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/shardfile"
)

// Place enters where the file's tensors lie into the programs that use them.
func (f *File) Place(programs []*graph.Graph) error {
	tensors := f.declared()
	offsets, err := shardfile.Offsets(tensors, nil)
	if err != nil {
		return fmt.Errorf("lay out %s: %w", f.path, err)
	}
	at := make(map[string]int, len(tensors))
	for i := range tensors {
		at[tensors[i].Name] = i
	}
	for _, g := range programs {
		for name, w := range g.AllWeights() {
			if w.Location != f.path {
				continue
			}
			i, ok := at[name]
			if !ok {
				return fmt.Errorf("tensor %s is not in %s", name, f.path)
			}
			n, err := tensors[i].Shape.Elements()
			if err != nil {
				return fmt.Errorf("lay out %s: tensor %s: %w", f.path, name, err)
			}
			w.Offset, w.Length = offsets[i], int64(n)*int64(tensors[i].DType.Size())
		}
	}
	return nil
}
