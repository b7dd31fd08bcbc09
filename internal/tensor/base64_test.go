package tensor

import (
	"bytes"
	"encoding/base64"
	"math/rand/v2"
	"strings"
	"testing"
	"unsafe"
)

func TestBase64AgreesWithTheStandardLibrary(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 4))
	for n := range 300 {
		src := make([]byte, n)
		for i := range src {
			src[i] = byte(rng.Uint32())
		}
		want := base64.StdEncoding.EncodeToString(src)
		// The guard shows whether the assembly writes beyond its part.
		room := append(bytes.Repeat([]byte{'#'}, 3), bytes.Repeat([]byte{'!'}, Base64Size(n)+64)...)
		got := AppendBase64(room[:3], src)
		if string(got) != "###"+want || len(want) != Base64Size(n) {
			t.Fatalf("%d bytes: %q, want %q", n, got, want)
		}
		if guard := room[3+len(want):]; len(bytes.Trim(guard, "!")) > 0 {
			t.Fatalf("%d bytes: written beyond the text: %q", n, guard)
		}
		back, err := DecodeBase64([]byte(want))
		if err != nil || !bytes.Equal(back, src) || !aligned(back) {
			t.Fatalf("%d bytes: %v", n, err)
		}
		words := make([]uint64, n/8+2)
		buf := unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), 8*len(words))
		reused, err := DecodeBase64Into(buf[:0], []byte(want))
		if err != nil || !bytes.Equal(reused, src) || n > 0 && &reused[0] != &buf[0] {
			t.Fatalf("%d bytes into a buffer: %v", n, err)
		}
		if moved, err := DecodeBase64Into(buf[1:1], []byte(want)); err != nil || !bytes.Equal(moved, src) || !aligned(moved) {
			t.Fatalf("%d bytes into an unaligned buffer: %v", n, err)
		}
	}
}

func TestDecodeBase64IsStrict(t *testing.T) {
	long := strings.Repeat("AAAA", 40)
	for _, text := range []string{
		"A", "AA", "AAA", "AAA\n", "AAAA\n", "AA==AAAA", "AAAA====", "====", "=AAA", "A===", "AA=A", "AB==", "AAB=", "AA-_", "AAA\x00",
		"AA==\n\n\n\n", "\n\n\n\nAAAA", long + "\r\n\r\n", long[:80] + "\n\n\n\n" + long, long + "AB==", long[:61] + "*" + long[62:], long + "é==",
	} {
		for _, into := range [][]byte{nil, Aligned(400)} {
			if got, err := DecodeBase64Into(into, []byte(text)); err == nil {
				t.Errorf("%q gave %x", text, got)
			}
		}
	}
	if got, err := DecodeBase64(nil); err != nil || len(got) != 0 {
		t.Errorf("nothing gave %x, %v", got, err)
	}
}

func FuzzDecodeBase64(f *testing.F) {
	for _, s := range []string{"", "AAAA", "AA==", "AAA\n", strings.Repeat("/+ab", 30) + "AAE="} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := DecodeBase64(text)
		if err != nil {
			return
		}
		if back := AppendBase64(nil, got); !bytes.Equal(back, text) {
			t.Fatalf("%q decodes, but its encoding is %q", text, back)
		}
	})
}
