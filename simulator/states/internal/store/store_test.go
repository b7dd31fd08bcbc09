package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWritesAreSeenInTheirOrderAndSurviveClosing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	d, err := Open(path, "a", "b")
	if err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			for i := range 100 {
				key := fmt.Sprintf("%d/%03d", w, i)
				if err := d.Write(Op{Bucket: "a", Key: key, Value: []byte(key)}, Op{Bucket: "b", Key: key, Value: []byte{1}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	if err := d.Write(Op{Bucket: "a", Key: "3/", Prefix: true}, Op{Bucket: "a", Key: "4/000"}); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := d.Write(Op{Bucket: "a", Key: "x", Value: []byte{}}); !errors.Is(err, ErrClosed) {
		t.Errorf("Write after Close: %v", err)
	}
	if d, err = Open(path, "a", "b"); err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	count := func(bucket, prefix, from string) (n int) {
		if err := d.Scan(bucket, prefix, from, func(string, []byte) bool { n++; return true }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, c := range []struct {
		bucket, prefix, from string
		want                 int
	}{{"a", "", "", 699}, {"a", "3/", "", 0}, {"a", "4/", "", 99}, {"b", "3/", "", 100}, {"b", "3/", "3/090", 10}} {
		if got := count(c.bucket, c.prefix, c.from); got != c.want {
			t.Errorf("%s has %d keys with %q from %q, want %d", c.bucket, got, c.prefix, c.from, c.want)
		}
	}
	if v, err := d.Get("a", "5/007"); err != nil || string(v) != "5/007" {
		t.Errorf("Get: %q, %v", v, err)
	}
	if v, err := d.Get("a", "none"); err != nil || v != nil {
		t.Errorf("Get of a key that is not there: %q, %v", v, err)
	}
}

func TestWritingNothingDelaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, err := Open("", "a")
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(d.Write(), d.Flush()); err != nil { // a Flush that waits is a deadlock here
			t.Error(err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestAFailedCommitIsToldToEveryone(t *testing.T) {
	d, err := Open("", "a")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Write(Op{Bucket: "missing", Key: "k", Value: []byte{1}}); err != nil {
		t.Fatal(err)
	}
	if err := d.Flush(); err == nil {
		t.Error("Flush hides the failed commit")
	}
	if err := d.Write(Op{Bucket: "a", Key: "k", Value: []byte{1}}); err == nil {
		t.Error("Write goes on after a failed commit")
	}
	if err := d.Close(); err == nil {
		t.Error("Close hides the failed commit")
	}
}
