package text

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/strided"
	"github.com/shardwise/shardwise/internal/tensor"
)

// normalizer is StringNormalizer (ai.onnx 10 to today): strings [C] or [1, C] without those that are stop words, in lower or
// upper case. Where none is left the result is one empty string. With is_case_sensitive 0, the default, case does not count
// for stop words. The attribute locale changes nothing: letters are mapped one by one as Unicode has it.
func normalizer(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("case_change_action", "is_case_sensitive", "locale", "stopwords"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	same := func(s string) string { return s }
	change, ok := map[string]func(string) string{"NONE": same, "LOWER": strings.ToLower, "UPPER": strings.ToUpper}[s.Node.Text("case_change_action", "NONE")]
	if !ok {
		return nil, s.Refuse("case_change_action is %q, wanted NONE, LOWER or UPPER", s.Node.Text("case_change_action", ""))
	}
	key := strings.ToLower
	if s.Node.Int("is_case_sensitive", 0) != 0 {
		key = same
	}
	stop := map[string]bool{}
	for _, w := range s.Node.Attrs["stopwords"].Strs {
		stop[key(w)] = true
	}
	return engine.KernelFunc(func(c *engine.Call) (err error) {
		x := c.In[0]
		if x.Rank() != 1 && (x.Rank() != 2 || x.Dim(0) != 1) {
			return fmt.Errorf("input is %v, wanted STRING[C] or STRING[1, C]", x)
		}
		var kept []string
		for _, w := range wordsOf(x) {
			if !stop[key(w)] {
				kept = append(kept, change(w))
			}
		}
		if len(kept) == 0 {
			kept = []string{""}
		}
		shape := x.Shape().Clone()
		shape[len(shape)-1] = len(kept)
		c.Out[0], err = tensor.FromStrings(shape, kept)
		return err
	}), nil
}

// concat is StringConcat (ai.onnx 20 to today): the strings of both inputs one behind the other, with numpy's broadcasting.
func concat(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only(); err != nil {
		return nil, err
	}
	if err := s.Arity(2, 2, 1); err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		a, b := c.In[0], c.In[1]
		shape, err := strided.BroadcastShape(a.Shape(), b.Shape())
		if err != nil {
			return err
		}
		n, err := shape.Elements()
		if err != nil {
			return err
		}
		values := make([]string, 0, n)
		l := strided.Broadcast(shape, a.Shape(), b.Shape())
		for ok := l.Start(); ok; ok = l.Next() {
			for i := range l.Run {
				values = append(values, a.StringAt(l.At[0]+i*l.Inner[0])+b.StringAt(l.At[1]+i*l.Inner[1]))
			}
		}
		c.Out[0], err = tensor.FromStrings(shape, values)
		return err
	}), nil
}

// fullMatch is RegexFullMatch (ai.onnx 20 to today): whether the whole string matches pattern, in the syntax of RE2.
func fullMatch(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("pattern"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	pattern, err := regexp.Compile(`\A(?:` + s.Node.Text("pattern", "") + `)\z`)
	if err != nil {
		return nil, s.Refuse("pattern: %v", err)
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		c.Out[0] = c.New(tensor.Bool, c.In[0].Shape()...)
		dst := tensor.Of[bool](c.Out[0])
		for i := range dst {
			dst[i] = pattern.MatchString(c.In[0].StringAt(i))
		}
		return nil
	}), nil
}

// split is StringSplit (ai.onnx 20 to today): each string cut at the delimiter, or at runs of white space when that is empty,
// at most maxsplit times. The parts stand in a new last dimension, filled up with empty strings; the second output counts
// them.
func split(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("delimiter", "maxsplit"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 2); err != nil {
		return nil, err
	}
	delimiter, most := s.Node.Text("delimiter", ""), int(s.Node.Int("maxsplit", -1))
	if _, given := s.Node.Attrs["maxsplit"]; given && most < 0 {
		return nil, s.Refuse("maxsplit is %d", most)
	}
	return engine.KernelFunc(func(c *engine.Call) (err error) {
		x := c.In[0]
		parts, longest := make([][]string, x.Len()), 0
		for i := range parts {
			parts[i] = cut(x.StringAt(i), delimiter, most)
			longest = max(longest, len(parts[i]))
		}
		shape := append(x.Shape().Clone(), longest)
		if _, err := shape.Elements(); err != nil {
			return err
		}
		values := make([]string, len(parts)*longest)
		for i, p := range parts {
			copy(values[i*longest:], p)
		}
		if c.Out[0], err = tensor.FromStrings(shape, values); err != nil || len(c.Out) < 2 {
			return err
		}
		c.Out[1] = c.New(tensor.I64, x.Shape()...)
		for i, p := range parts {
			tensor.Of[int64](c.Out[1])[i] = int64(len(p))
		}
		return nil
	}), nil
}

// cut splits a string at most so many times; any number when most is negative. White space before a part is dropped, also
// before the last one, of which the end stays as it is.
func cut(s, delimiter string, most int) []string {
	if delimiter != "" {
		if most < 0 {
			return strings.Split(s, delimiter)
		}
		return strings.SplitN(s, delimiter, most+1)
	}
	var parts []string
	for {
		if s = strings.TrimLeftFunc(s, unicode.IsSpace); s == "" {
			return parts
		}
		end := strings.IndexFunc(s, unicode.IsSpace)
		if end < 0 || len(parts) == most {
			return append(parts, s)
		}
		parts, s = append(parts, s[:end]), s[end:]
	}
}
