package shardfile

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"hash/crc32"
	"io"
)

// castagnoli is read-only; the standard library computes it in hardware.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sumWriter passes bytes through and sums them: SHA-256 of all, CRC32C of each chunk until the table begins.
type sumWriter struct {
	out   io.Writer
	sha   hash.Hash
	n     int64
	crc   uint32
	table []byte // finished chunks' sums, little-endian
}

func newSumWriter(w io.Writer) *sumWriter { return &sumWriter{out: w, sha: sha256.New()} }

func (s *sumWriter) Write(b []byte) (int, error) {
	n, err := s.out.Write(b)
	if n < 0 || n > len(b) {
		return 0, io.ErrShortWrite
	}
	s.add(b[:n])
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	return n, err
}

func (s *sumWriter) add(b []byte) {
	s.sha.Write(b)
	for len(b) > 0 {
		room := chunkSize - int(s.n%chunkSize)
		part := b[:min(room, len(b))]
		s.crc = crc32.Update(s.crc, castagnoli, part)
		s.n += int64(len(part))
		if len(part) == room {
			s.cut()
		}
		b = b[len(part):]
	}
}

func (s *sumWriter) cut() {
	s.table = binary.LittleEndian.AppendUint32(s.table, s.crc)
	s.crc = 0
}

// chunks returns the table of what has been written so far; nothing but the table may follow.
func (s *sumWriter) chunks() []byte {
	if s.n%chunkSize != 0 {
		s.cut()
	}
	return s.table[:len(s.table):len(s.table)]
}
