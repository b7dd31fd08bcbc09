package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// filled is the file of a store with small values and large ones, some of which were removed, and of a bucket without any.
func filled(t testing.TB, keys int) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	d, err := Open(path, "a", "b", "none")
	if err != nil {
		t.Fatal(err)
	}
	for i := range keys {
		key := fmt.Sprintf("some execution's name/%06d", i)
		ops := []Op{{Bucket: "a", Key: key, Value: bytes.Repeat([]byte{'x'}, i%200)}}
		if i%50 == 0 {
			ops = append(ops, Op{Bucket: "b", Key: key, Value: bytes.Repeat([]byte{'y'}, 10_000)}, Op{Bucket: "a", Key: key[:len(key)-1], Prefix: true})
		}
		if err := d.Write(ops...); err != nil {
			t.Fatal(err)
		}
		if i%500 == 0 {
			if err := d.Flush(); err != nil { // a transaction of its own
				t.Fatal(err)
			}
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// use opens a file as it may be after an accident; where it opens, it is read and written. A refused file must be as it was.
func use(t testing.TB, data []byte) error {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := Open(path, "a", "b", "none")
	if err != nil {
		if after, readErr := os.ReadFile(path); readErr != nil || !bytes.Equal(after, data) {
			t.Errorf("a refused file was changed: %v", readErr)
		}
		return err
	}
	for _, b := range []string{"a", "b", "none"} {
		if err := d.Scan(b, "", "", func(string, []byte) bool { return true }); err != nil {
			t.Error(err)
		}
	}
	for i := range 50 {
		if err := d.Write(Op{Bucket: "a", Key: fmt.Sprint("new", i), Value: make([]byte, 100*i)}); err != nil {
			t.Error(err)
		}
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	return nil
}

func TestAFileThatIsCutShortIsRefusedAndStays(t *testing.T) {
	data := filled(t, 3000)
	if err := use(t, data); err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	sizes := []int{1, 15, 100, 4096, 4096 + 80, 8191, 8192, 16384, len(data) / 2, len(data) - 4096, len(data) - 1}
	for range 20 {
		sizes = append(sizes, random.IntN(len(data)-1)+1)
	}
	for _, n := range sizes {
		err := use(t, data[:n])
		if err == nil || !strings.Contains(err.Error(), "it is damaged, and nothing of it was changed") || !strings.Contains(err.Error(), "move it away") {
			t.Errorf("%d of %d bytes: found %v", n, len(data), err)
		}
	}
}

// Whatever a page holds, the process does not end: the file opens and can be used, or it is refused.
func TestAFileOfDamagedPagesNeverEndsTheProcess(t *testing.T) {
	data := filled(t, 3000)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	refused := 0
	for i := range 300 {
		bad := bytes.Clone(data)
		page := random.IntN(len(bad)/4096) * 4096
		switch at := page + random.IntN(200); i % 4 {
		case 0: // a page that never reached the disk
			clear(bad[page : page+4096])
		case 1: // another page in its place
			from := random.IntN(len(bad)/4096) * 4096
			copy(bad[page:page+4096], data[from:])
		case 2: // one byte, where heads and elements are
			bad[at] = byte(random.Uint32())
		default:
			for j := range 8 {
				bad[at+j] = byte(random.Uint32())
			}
		}
		if err := use(t, bad); err != nil {
			refused++
			if !strings.Contains(err.Error(), "damaged") {
				t.Errorf("found %v", err)
			}
		}
	}
	if refused < 30 {
		t.Errorf("of 300 damaged files %d were refused", refused)
	}
}

// What bbolt leaves behind is sound, however keys come and go.
func TestEveryFileThatIsWrittenIsSound(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	path := filepath.Join(t.TempDir(), "db")
	for range 40 {
		d, err := Open(path, "a", "b")
		if err != nil {
			t.Fatal(err)
		}
		most := 1 + random.IntN(400)
		for range 1 + random.IntN(30) {
			for range random.IntN(most) {
				op := Op{Bucket: string('a' + rune(random.IntN(2))), Key: fmt.Sprintf("%0*d", 1+random.IntN(60), random.IntN(3000))}
				switch random.IntN(8) {
				case 0:
					op.Key, op.Prefix = op.Key[:(len(op.Key)+1)/2], true
				case 1, 2, 3:
				default:
					op.Value = make([]byte, random.IntN(random.IntN(9000)+1))
				}
				if err := d.Write(op); err != nil {
					t.Fatal(err)
				}
			}
			if err := d.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func FuzzSound(f *testing.F) {
	data := filled(f, 300)
	f.Add(uint16(8), []byte{1})
	f.Add(uint16(4096*2+12), []byte{255, 255})
	f.Fuzz(func(t *testing.T, at uint16, patch []byte) {
		bad := bytes.Clone(data)
		copy(bad[int(at)%len(bad):], patch)
		if err := use(t, bad); err != nil && !strings.Contains(err.Error(), "damaged") {
			t.Errorf("found %v", err)
		}
	})
}
