package dense

import (
	stdbytes "bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/shardfile"
)

// place enters where the file's tensors lie into the programs that use them. The offsets are read from the very header
// that the file will have.
func (f *weightsFile) place(programs []*graph.Graph) error {
	tensors := f.declared()
	var header stdbytes.Buffer
	if _, err := shardfile.NewWriter(&header, tensors, nil); err != nil {
		return err
	}
	raw := header.Bytes()
	if len(raw) < 8 || binary.LittleEndian.Uint64(raw) > uint64(len(raw)-8) {
		return fmt.Errorf("the header of %s is not a whole one", f.path)
	}
	var entries map[string]struct {
		Offsets [2]int64 `json:"data_offsets"`
	}
	var loose map[string]json.RawMessage
	if err := json.Unmarshal(raw[8:8+binary.LittleEndian.Uint64(raw)], &loose); err != nil {
		return fmt.Errorf("the header of %s: %w", f.path, err)
	}
	delete(loose, "__metadata__")
	text, err := json.Marshal(loose)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &entries); err != nil {
		return fmt.Errorf("the header of %s: %w", f.path, err)
	}
	for _, g := range programs {
		for name, w := range g.Weights {
			e, ok := entries[name]
			if w.Location != f.path {
				continue
			}
			if !ok {
				return fmt.Errorf("tensor %s is not in %s", name, f.path)
			}
			w.Offset, w.Length = int64(len(raw))+e.Offsets[0], e.Offsets[1]-e.Offsets[0]
		}
	}
	return nil
}
