package onnx

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// external is a model whose one weight, four numbers, lies in another file as the entries say.
func external(entries ...[2]string) proto {
	p := proto{}.varint(1, 4).varint(2, 1).varint(tensorLocation, 1)
	for _, e := range entries {
		p = p.msg(tensorExternal, proto{}.text(1, e[0]).text(2, e[1]))
	}
	return initializer(p)
}

func TestHostileFilesGetTypedErrors(t *testing.T) {
	deep := proto{}
	for range maxDepth + 2 {
		deep = proto{}.msg(graphNode, proto{}.text(nodeOp, "If").msg(nodeAttribute, proto{}.text(attrName, "b").msg(attrGraph, deep)))
	}
	cases := map[string]struct {
		file proto
		want string
	}{
		"empty":             {nil, "missing"},
		"no opset":          {proto{}.msg(modelGraph, proto{}), "opset_import"},
		"two graphs":        {model(proto{}).msg(modelGraph, proto{}), "twice"},
		"lying length":      {append(proto{}.varint(1, 8), 0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f), "claims"},
		"group":             {append(model(proto{}), 0x0b), "wire type"},
		"cut varint":        {append(model(proto{}), 0x08, 0xff), "cut off"},
		"raw too short":     {initializer(proto{}.varint(1, 4).varint(2, 1).text(9, "abc")), "needs 16 bytes"},
		"no data":           {initializer(proto{}.varint(1, 1<<40).varint(2, 1)), "numbers"},
		"huge shape":        {initializer(proto{}.varint(1, 1<<40).varint(1, 1<<40).varint(2, 1)), "more elements"},
		"negative dim":      {initializer(proto{}.varint(1, 1<<63).varint(2, 1)), "no dimension"},
		"too many numbers":  {initializer(proto{}.varint(1, 1).varint(2, 7).msg(7, packed(1, 2))), "more numbers"},
		"too few numbers":   {initializer(proto{}.varint(1, 2).varint(2, 7).msg(7, packed(1)).text(8, "padding")), "1 numbers"},
		"wrong list":        {initializer(proto{}.varint(1, 1).varint(2, 1).varint(7, 1)), "field 4"},
		"out of range":      {initializer(proto{}.varint(1, 1).varint(2, 2).varint(5, 256)), "is not a U8"},
		"raw and list":      {initializer(proto{}.varint(1, 1).varint(2, 7).varint(7, 1).text(9, "12345678")), "more than one place"},
		"bool of 2":         {initializer(proto{}.varint(1, 1).varint(2, 9).text(9, "\x02")), "boolean"},
		"undefined dtype":   {initializer(proto{}.varint(1, 1).varint(2, 0).text(9, "\x02")), "data type is 0"},
		"no location":       {external(), "without a location"},
		"absolute":          {external([2]string{"location", "/etc/passwd"}), "inside"},
		"dot dot":           {external([2]string{"location", "a/../../b"}), "inside"},
		"backslash":         {external([2]string{"location", `..\b`}), "inside"},
		"negative offset":   {external([2]string{"location", "a"}, [2]string{"offset", "-1"}), "wanted a number"},
		"overflow":          {external([2]string{"location", "a"}, [2]string{"offset", "9223372036854775807"}), "needs 16"},
		"wrong length":      {external([2]string{"location", "a"}, [2]string{"length", "15"}), "needs 16"},
		"same name twice":   {model(proto{}.msg(5, proto{}.varint(1, 0).varint(2, 1).text(8, "w")).msg(5, proto{}.varint(1, 0).varint(2, 1).text(8, "w"))), "twice"},
		"node without op":   {model(proto{}.msg(1, proto{}.text(1, "x"))), "op_type"},
		"attribute twice":   {model(proto{}.msg(1, proto{}.text(4, "A").msg(5, proto{}.text(1, "a").varint(3, 1)).msg(5, proto{}.text(1, "a").varint(3, 2)))), "twice"},
		"contradictory":     {model(proto{}.msg(1, proto{}.text(4, "A").msg(5, proto{}.text(1, "a").varint(3, 1).varint(20, 1)))), "declares type"},
		"too deep":          {model(deep), "nested"},
		"name not UTF-8":    {model(proto{}.text(2, "\xff")), "UTF-8"},
		"wire type of text": {model(proto{}.varint(2, 5)), "wire type"},
	}
	for name, c := range cases {
		_, err := Decode(c.file)
		var format *FormatError
		var unsupported *UnsupportedError
		if !errors.As(err, &format) && !errors.As(err, &unsupported) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, wanted a typed one with %q", name, err, c.want)
		}
		if _, scanErr := Scan(bytes.NewReader(c.file), int64(len(c.file))); scanErr == nil && name != "bool of 2" {
			t.Errorf("%s: Scan found no fault", name)
		}
	}
}

// Every file that was cut off is refused: the graph comes before the opset imports, so no prefix is complete.
func TestTruncatedFilesAreRefused(t *testing.T) {
	file := mustEncode(t, sample())
	complete := 0
	for n := range file {
		if _, err := Decode(file[:n]); err == nil {
			complete++
		}
	}
	// After the first and second of three opset imports the prefix is a whole model with fewer imports.
	if complete != 2 {
		t.Errorf("%d prefixes were accepted, wanted the 2 that end after an opset import", complete)
	}
}

func TestOpenExternalStaysInTheFolder(t *testing.T) {
	dir := t.TempDir()
	inside, outside := filepath.Join(dir, "model"), filepath.Join(dir, "secret")
	for _, err := range []error{
		os.MkdirAll(filepath.Join(inside, "sub"), 0o755),
		os.WriteFile(outside, []byte("x"), 0o600),
		os.WriteFile(filepath.Join(inside, "sub", "w.bin"), []byte("weights"), 0o600),
		os.Symlink(outside, filepath.Join(inside, "link")),
		os.Symlink("sub/w.bin", filepath.Join(inside, "good-link")),
		syscall.Mkfifo(filepath.Join(inside, "pipe"), 0o600), // nobody writes to it: opening it must not wait
		os.WriteFile(filepath.Join(inside, "hard"), []byte("x"), 0o600),
		os.Link(filepath.Join(inside, "hard"), filepath.Join(inside, "hard2")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for location, ok := range map[string]bool{
		"sub/w.bin": true, "good-link": true, "link": false, "../secret": false, outside: false, "hard": false, "sub": false, "pipe": false, "none": false, "": false,
	} {
		f, err := OpenExternal(inside, location)
		if (err == nil) != ok {
			t.Errorf("location %q: error %v, wanted success %v", location, err, ok)
		}
		if err == nil {
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// Whatever single byte is damaged, decoding ends without a panic, and memory stays bounded by the file.
func TestDamagedBytesNeverPanic(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	file := mustEncode(t, sample())
	refused := 0
	for range 5000 {
		b := bytes.Clone(file)
		for range 1 + rng.IntN(3) {
			b[rng.IntN(len(b))] = byte(rng.Uint32())
		}
		if _, err := Decode(b); err != nil {
			refused++
		}
	}
	if refused == 0 {
		t.Error("no damage was ever noticed")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(mustEncode(f, sample()))
	f.Add([]byte(initializer(proto{}.varint(1, 2).varint(2, 1).fixed32(4, 1).fixed32(4, 2))))
	f.Add([]byte(initializer(proto{}.varint(1, 1<<62).varint(2, 1).text(9, ""))))
	f.Add([]byte(initializer(proto{}.varint(1, 0).varint(2, 8))))
	f.Add([]byte(model(proto{}.msg(graphSparse, sparseProto(tensorProto("w", 3, []byte{7, 9}, 2), tensorProto("", 7, int64s(1, 5), 2), 2, 3)))))
	f.Add([]byte(model(proto{}.msg(graphNode, call("f", "F", list("x"), list("y")))).
		msg(modelFunction, functionProto("F", list("a"), list("b"), call("f", "G", list("a"), list("b")))).
		msg(modelFunction, functionProto("G", list("a"), list("b"), call("", "Abs", list("a"), list("t")), call("", "Exp", list("t"), list("b"))))))
	f.Add([]byte(model(proto{}.msg(graphNode, call("", "If", list("x"), list("y")).msg(nodeAttribute, proto{}.text(attrName, "then_branch").
		msg(attrGraph, proto{}.msg(graphNode, call("", "Abs", list("x"), list("y"))).msg(graphOutput, proto{}.text(valueName, "y"))))))))
	f.Add([]byte(initializer(proto{}.varint(1, 3).varint(2, 22).text(9, "ab"))))
	f.Add([]byte{0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := Decode(data)
		m, scanErr := Scan(bytes.NewReader(data), int64(len(data)))
		if err == nil && scanErr != nil {
			t.Fatalf("Decode accepts what Scan refuses: %v", scanErr)
		}
		if err != nil {
			return
		}
		for name, w := range g.Weights {
			if m.Graph.Weights[name].Sparse != nil || w.Opaque != nil {
				continue // SparseReader has its own test; nobody reads opaque elements
			}
			got, err := m.Data(m.Graph.Weights[name])
			if w.Location == "" && w.Strings == nil && (err != nil || !bytes.Equal(got, w.Data)) {
				t.Fatalf("weight %q: Scan and Decode differ, error %v", name, err)
			}
		}
		again, err := Encode(g)
		if err != nil {
			return
		}
		if _, err := Decode(again); err != nil {
			t.Fatalf("what Encode wrote is refused: %v", err)
		}
	})
}

// A location may be written in a roundabout way; its clean form is what manifests name the file by.
func TestLocationsAreCleaned(t *testing.T) {
	g, err := Decode([]byte(external([2]string{"location", "./sub/../w.bin"})))
	if err != nil {
		t.Fatal(err)
	}
	for name, w := range g.Weights {
		if w.Location != "w.bin" {
			t.Errorf("%s lies at %q, wanted w.bin", name, w.Location)
		}
	}
	if len(g.Weights) == 0 {
		t.Error("no weights")
	}
}
