package shardfile

import "fmt"

// CorruptError says that a weights file is not the one that its manifest describes. Retrying does not help.
type CorruptError struct {
	Path   string
	Tensor string // whose bytes were wanted, "" at Open and VerifyAll
	Chunk  int    // index of the chunk whose checksum fails, -1 when it is something else
	Reason string // what was wanted and found
}

// Error names the file, the place, the fault and the remedy.
func (e *CorruptError) Error() string {
	where := ""
	if e.Tensor != "" {
		where += fmt.Sprintf(", tensor %q", e.Tensor)
	}
	if e.Chunk >= 0 {
		where += fmt.Sprintf(", chunk %d", e.Chunk)
	}
	return fmt.Sprintf("weights file %s%s is corrupt: %s; copy the file again, or split the model again", e.Path, where, e.Reason)
}
