package dataset

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/shardwise/shardwise/internal/workdir"
)

// partSuffix ends the names of temporary files.
const partSuffix = ".part"

// createPart makes the temporary file beside path, and removes those that writers of the same path left when they were
// killed. Its permissions are those of any new file, which os.CreateTemp's are not.
func createPart(path string) (*os.File, error) {
	folder, prefix := filepath.Dir(path), "."+filepath.Base(path)+"."
	sweepParts(folder, prefix)
	for {
		name := filepath.Join(folder, fmt.Sprintf("%s%08x%s", prefix, rand.Uint32(), partSuffix))
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		// The lock, which ends with this process, tells others that the file is in use. Where a file system knows no locks
		// the file can be neither locked nor swept, and serves as well.
		if mine, err := workdir.Take(f); err == nil && !mine {
			// A sweep took the file for a dead one's before it was locked; it removes the name.
			if err := f.Close(); err != nil {
				return nil, err
			}
			continue
		}
		return f, nil
	}
}

// sweepParts removes the temporary files of dead writers. What it cannot have it leaves: leftovers are a nuisance to their
// owner, no reason not to write.
func sweepParts(folder, prefix string) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return // creating the file tells why
	}
	for _, e := range entries {
		middle, begins := strings.CutPrefix(e.Name(), prefix)
		random, ends := strings.CutSuffix(middle, partSuffix)
		if begins && ends && len(random) == 8 && strings.Trim(random, "0123456789abcdef") == "" && e.Type().IsRegular() {
			sweepPart(filepath.Join(folder, e.Name()))
		}
	}
}

func sweepPart(name string) {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return
	}
	if mine, err := workdir.Take(f); err == nil && mine {
		_ = os.Remove(name)
	}
	_ = f.Close()
}

// createSpool makes a temporary file without a name: its space is given back when the process ends, however that happens.
func createSpool(folder string) (*os.File, error) {
	f, err := os.CreateTemp(folder, ".spool.*"+partSuffix)
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
