package assets

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// CorruptError says that a file is not the one that the manifest names.
type CorruptError struct {
	Path  string
	Want  string
	Found string
}

// Error names the file, what was wanted and found, and what to do.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("file %s is damaged or another model's: wanted %s, found %s; copy it again or split the model again", e.Path, e.Want, e.Found)
}

func checkHash(path string, data []byte, want string) error {
	sum := sha256.Sum256(data)
	if found := hex.EncodeToString(sum[:]); found != want {
		return &CorruptError{Path: path, Want: "sha256 " + want, Found: found}
	}
	return nil
}
