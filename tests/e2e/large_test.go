package e2e_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

const (
	// envLarge makes the large model one of 6 GiB, which takes minutes and 12 GiB of disk, and compares the split's speed with a copy's.
	envLarge = "SHARDWISE_LARGE"
	// streamLimit is the most memory that planning and splitting may take, whatever the size of the weights.
	streamLimit = 256 << 20
	// planLimit is the processor time that planning may take.
	planLimit = 2 * time.Second
	// leastOfCopy is the split's least speed as a share of a plain copy's.
	leastOfCopy = 0.6
)

// TestALargeModelIsPlannedAndSplitInLittleMemory plans and splits a model several times as large as the memory that either may take.
func TestALargeModelIsPlannedAndSplitInLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 768 MiB")
	}
	layers, large, quiet := 6, os.Getenv(envLarge) != "", idle(t)
	if large {
		layers = 48
	}
	dir := t.TempDir()
	path := writeMatrices(t, dir, layers)
	if large { // some disks store holes faster than bytes
		fill(t, filepath.Join(dir, "weights.bin"), int64(layers)*matrixBytes)
	}
	if took := streamed(t, "plan", path); took > planLimit {
		t.Errorf("planning took %v of processors, at most %v are allowed", took, planLimit)
	}
	parts := filepath.Join(dir, "parts")
	var copied time.Duration
	if large { // a disk is not always equally fast: one copy before, one after
		copied = copyDurably(t, filepath.Join(dir, "weights.bin"), filepath.Join(dir, "copy"))
	}
	start := time.Now()
	streamed(t, "split", path, "-o", parts, "--shards", "4")
	split := time.Since(start)
	size := int64(0)
	files, err := filepath.Glob(filepath.Join(parts, "*.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	if least := int64(layers) * matrixBytes * 99 / 100; size < least {
		t.Errorf("the shards' files have %d bytes, at least %d were wanted", size, least)
	}
	if !large {
		return
	}
	if err := os.RemoveAll(parts); err != nil {
		t.Fatal(err)
	}
	again := copyDurably(t, filepath.Join(dir, "weights.bin"), filepath.Join(dir, "copy"))
	ratio := float64(copied+again) / 2 / float64(split)
	t.Logf("split in %v, copied before in %v and after in %v: %.2f of the copies' speed", split.Round(time.Millisecond), copied.Round(time.Millisecond), again.Round(time.Millisecond), ratio)
	if !quiet {
		t.Log("not judged: the processors had other work before, and splitting needs them where copying waits for the disk")
	} else if ratio < leastOfCopy {
		t.Errorf("the split has %.2f of the copy's speed, at least %.2f was wanted", ratio, leastOfCopy)
	}
}

// fill writes random bytes over a file and waits until the disk has them.
func fill(t *testing.T, path string, size int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	// In float32, no exponent is that of an infinity.
	noise := rand.NewChaCha8([32]byte{1})
	for block := make([]byte, 1<<20); size > 0; size -= int64(len(block)) {
		if _, err := noise.Read(block); err != nil {
			t.Fatal(err)
		}
		for i := 3; i < len(block); i += 4 {
			block[i] &= 0xbf
		}
		if _, err := f.Write(block); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// idle reports whether less than one process for each processor ran in the last minute. Where that is not known, the machine counts as idle.
func idle(t *testing.T) bool {
	t.Helper()
	text, err := os.ReadFile("/proc/loadavg") // Linux only
	if err != nil {
		return true
	}
	load := 0.0
	if _, err := fmt.Sscan(string(text), &load); err != nil {
		t.Fatal(err)
	}
	t.Logf("a load of %.1f on %d processors", load, runtime.NumCPU())
	return load < float64(runtime.NumCPU())
}

// streamed runs a command that may not take more than streamLimit, and gives the processor time that it took.
func streamed(t *testing.T, args ...string) time.Duration {
	t.Helper()
	cmd := command(t, args...)
	start := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", args[0], err, out)
	}
	took, most := cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime(), maxRSS(t, cmd.ProcessState)
	t.Logf("%s: %v (%v of processors), %d MB", args[0], time.Since(start).Round(time.Millisecond), took.Round(time.Millisecond), most>>20)
	if most > streamLimit {
		t.Errorf("%s took %d MB, at most %d are allowed", args[0], most>>20, streamLimit>>20)
	}
	return took
}

// copyDurably copies as cp does, by reads and writes of 128 KiB, and waits until the disk has it. It gives the time that took, and removes the copy.
func copyDurably(t *testing.T, from, to string) time.Duration {
	t.Helper()
	start := time.Now()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyBuffer(struct{ io.Writer }{out}, struct{ io.Reader }{in}, make([]byte, 128<<10)); err != nil {
		t.Fatal(err)
	}
	if err := out.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(fmt.Errorf("copy: %w", err))
	}
	took := time.Since(start)
	if err := os.Remove(to); err != nil {
		t.Fatal(err)
	}
	return took
}
