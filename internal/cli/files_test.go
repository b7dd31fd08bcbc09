package cli

import (
	"os"
	"testing"
)

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// flip flips one bit of the byte at that place, counted from the end when negative.
func flip(t *testing.T, path string, at int) {
	t.Helper()
	data := []byte(readFile(t, path))
	if at < 0 {
		at += len(data)
	}
	data[at] ^= 1
	put(t, path, data)
}

func cutFile(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func exchange(t *testing.T, a, b string) {
	t.Helper()
	x, y := readFile(t, a), readFile(t, b)
	put(t, a, []byte(y))
	put(t, b, []byte(x))
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	put(t, to, []byte(readFile(t, from)))
}

func put(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}
