package sandbox

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestTheGaugeOfAProcessThatHasEndedTellsNothing(t *testing.T) {
	cmd, h := begin(t)
	defer h.close()
	g, err := newGauge(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	defer g.close()
	if held, ok := g.read(); !ok || held <= 0 || held > 8<<20 {
		t.Errorf("a process that sleeps holds %d bytes (%v)", held, ok)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // ends with "signal: killed"
	if held, ok := g.read(); ok {
		t.Errorf("a process that has ended holds %d bytes", held)
	}
}

// touch maps size bytes, of a file or of no file, and touches every page.
func touch(t *testing.T, fd, size, flags int) {
	t.Helper()
	p, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, flags)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Munmap(p); err != nil {
			t.Error(err)
		}
	})
	for i := 0; i < size; i += os.Getpagesize() {
		p[i]++
	}
}

func TestTheGaugeCountsSharedMemoryAndNoMappedFiles(t *testing.T) {
	const size = 32 << 20
	dir := t.TempDir()
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil || fs.Type == unix.TMPFS_MAGIC {
		t.Skipf("%s lies in memory (%v), where a mapped file is shared memory", dir, err)
	}
	f, err := os.Create(filepath.Join(dir, "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	g, err := newGauge(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	defer g.close()
	for _, c := range []struct {
		name      string
		fd, flags int
		grows     bool
	}{
		{"a file", int(f.Fd()), unix.MAP_SHARED, false},
		{"shared memory", -1, unix.MAP_SHARED | unix.MAP_ANON, true},
		{"memory of its own", -1, unix.MAP_PRIVATE | unix.MAP_ANON, true},
	} {
		before, _ := g.read()
		touch(t, c.fd, size, c.flags)
		after, ok := g.read()
		grown, want := after-before, int64(0)
		if c.grows {
			want = size
		}
		if !ok || grown < want-size/4 || grown > want+size/4 { // the test's own heap moves a little
			t.Errorf("%s of %d bytes: grown by %d (%v)", c.name, size, grown, ok)
		}
	}
}
