package dataset

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// namesIn lists a folder.
func namesIn(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func scores() []manifest.Output {
	return []manifest.Output{{Name: "a", DType: tensor.F32, Shape: []manifest.Dim{{Name: manifest.Batch}}}}
}

func TestTheTemporaryFilesOfTheDeadAreSwept(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "answers.npz")
	dead := filepath.Join(folder, ".answers.npz.0123abcd.part")
	foreign := []string{".answers.csv.0123abcd.part", ".answers.npz.mine.part", ".answers.npz.0123abcd.part.txt"}
	for _, name := range append(foreign, filepath.Base(dead)) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("half"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	first, err := Create(path, Auto, scores())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dead); !os.IsNotExist(err) {
		t.Errorf("a dead writer's file is still there (%v)", err)
	}
	second, err := Create(path, Auto, scores()) // while the first is alive
	if err != nil {
		t.Fatal(err)
	}
	values := tensor.New(tensor.F32, 3)
	for _, w := range []*Writer{first, second} {
		if err := w.Write(tensor.Named{"a": values}); err != nil {
			t.Fatal(err)
		}
	}
	// Two named files, of the two writers: the spools have no name that could stay behind.
	if got := namesIn(t, folder); len(got) != len(foreign)+2 {
		t.Errorf("while two write there are %v", got)
	}
	for _, w := range []*Writer{first, second} {
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	want := append([]string{"answers.npz"}, foreign...)
	got := namesIn(t, folder)
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("in the end there are %v, wanted %v", got, want)
	}
}
