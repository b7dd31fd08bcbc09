package reference

import (
	"context"
	"fmt"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// role is the role of the file that holds the unsharded graph.
const role = "reference"

// Model is an unsharded model. Predict returns exactly the wanted outputs of the signature for the rows of in, which has
// the signature's inputs. Close ends the life of what it reads from.
type Model interface {
	Predict(ctx context.Context, in tensor.Named, outputs []string) (tensor.Named, error)
	// Method says in a few words how the reference is computed.
	Method() string
	Close() error
}

// Open opens the unsharded model of a model directory. Files are checked against the manifest as they are read.
func Open(dir string, m *manifest.Manifest) (Model, error) {
	if m.Local != nil {
		for _, f := range m.Local.Files {
			if f.Role == role {
				return openGraph(dir, m, f)
			}
		}
	}
	if len(m.Shards) > 0 && m.Shards[0].Trees != nil {
		return openForest(dir, m)
	}
	return nil, fmt.Errorf("%s holds neither an unsharded graph nor trees, so there is nothing to verify against; compare with predict --expect", dir)
}
