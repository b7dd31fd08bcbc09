package storage_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"go.uber.org/goleak"

	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/simulator"
	"github.com/shardwise/shardwise/statemachine/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func client(t *testing.T) *storage.S3 {
	t.Helper()
	sim, err := simulator.Start(context.Background(), simulator.Config{Dir: t.TempDir(), Buckets: []string{"bucket"}})
	if err != nil {
		t.Fatal(err)
	}
	s := storage.New(storage.Options{Region: "us-east-1", Endpoint: sim.Endpoint(), Credentials: credentials.NewStaticCredentialsProvider("ak", "sk", "")})
	t.Cleanup(func() {
		s.Close()
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestAProbeOfAnObjectChangesNothing(t *testing.T) {
	s := client(t)
	if err := s.Put(t.Context(), "bucket", "there", []byte("as it was")); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"there", "deep/not there"} {
		if err := s.Writable(t.Context(), "bucket", key); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
	if err := s.Writable(t.Context(), "none", "x"); shard.KindOf(err) != shard.NotFound || !strings.Contains(err.Error(), "s3://none/x") {
		t.Errorf("no bucket: found %v", err)
	}
	if list, err := s.List(t.Context(), "bucket", ""); err != nil || len(list) != 1 {
		t.Errorf("found %v, %v", list, err)
	}
	if got, err := s.Read(t.Context(), "bucket", "there"); err != nil || string(got) != "as it was" {
		t.Errorf("found %q, %v", got, err)
	}
}

func TestOfManyWritersOneCreatesAnObject(t *testing.T) {
	s := client(t)
	var created atomic.Int64
	var writers sync.WaitGroup
	for i := range 8 {
		writers.Go(func() {
			ok, err := s.Create(t.Context(), "bucket", "once", []byte{byte(i)})
			if err != nil {
				t.Error(err)
			} else if ok {
				created.Add(int64(100 + i))
			}
		})
	}
	writers.Wait()
	if got, err := s.Read(t.Context(), "bucket", "once"); err != nil || len(got) != 1 || created.Load() != 100+int64(got[0]) {
		t.Errorf("created %d, found %v, %v", created.Load(), got, err)
	}
	if _, err := s.Create(t.Context(), "none", "x", nil); shard.KindOf(err) != shard.NotFound {
		t.Errorf("no bucket: found %v", err)
	}
}

func noise(n int) []byte {
	r := rand.NewChaCha8([32]byte{1})
	b := make([]byte, n)
	_, _ = r.Read(b) // never fails
	return b
}

func TestJoinedPiecesAreTheirBytesInOrder(t *testing.T) {
	s := client(t)
	for _, sizes := range [][]int{{10, 20}, {0, 7 << 20, 6 << 20, 100}, {100, 100, 12 << 20}} {
		var pieces []storage.Piece
		want := []byte("head\n")
		pieces = append(pieces, storage.Piece{Data: want[:5:5]})
		for i, n := range sizes {
			key, data := "part-"+string(rune('a'+i)), noise(n+3)
			if err := s.Put(t.Context(), "bucket", key, data); err != nil {
				t.Fatal(err)
			}
			pieces = append(pieces, storage.Piece{Bucket: "bucket", Key: key, From: 3, To: int64(n + 3)})
			want = append(want, data[3:]...)
		}
		if err := s.Join(t.Context(), "bucket", "whole", pieces); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Read(t.Context(), "bucket", "whole"); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%v: found %d of %d bytes, %v", sizes, len(got), len(want), err)
		}
	}
}

func TestUploadsOfEverySizeComeBack(t *testing.T) {
	s := client(t)
	for _, n := range []int{0, 1, 16<<20 - 1, 16 << 20, 16<<20 + 1, 33 << 20} {
		want := noise(n)
		if err := s.Upload(t.Context(), "bucket", "x", bytes.NewReader(want)); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Read(t.Context(), "bucket", "x"); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d: found %d bytes, %v", n, len(got), err)
		}
		if size, err := s.Size(t.Context(), "bucket", "x"); err != nil || size != int64(n) {
			t.Errorf("%d: found a size of %d, %v", n, size, err)
		}
	}
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	s := client(t)
	if _, err := s.Read(t.Context(), "bucket", "none"); shard.KindOf(err) != shard.NotFound {
		t.Errorf("found %v", err)
	}
	if _, err := s.Size(t.Context(), "bucket", "none"); shard.KindOf(err) != shard.NotFound {
		t.Errorf("found %v", err)
	}
	if err := s.Delete(t.Context(), "bucket", "none"); err != nil {
		t.Errorf("found %v", err)
	}
}
