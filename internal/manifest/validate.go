package manifest

import (
	"fmt"
	"math"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/shardwise/shardwise/internal/tensor"
)

const (
	maxName  = 256 // bytes of a value, tensor, feature or symbol name
	maxShard = 10000
	maxRank  = 16
)

var (
	modelName   = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$`)
	versionName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$`)
	modeName    = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)
	stepName    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
)

// CheckName refuses what is no model name, and says what one is.
func CheckName(name string) error {
	if !modelName.MatchString(name) {
		return fmt.Errorf("%.80q is no model name: one has 1 to 40 of a-z, 0-9 and -, not at its ends", name)
	}
	return nil
}

// CheckVersion refuses what is no version of a model, and says what one is.
func CheckVersion(version string) error {
	if !versionName.MatchString(version) {
		return fmt.Errorf("%.80q is no version: one has 1 to 64 letters, digits, dots, _, + and -, beginning with a letter or digit", version)
	}
	return nil
}

// Validate checks everything that can be known without the files. An unknown feature is a *FeatureError, alone, for
// nothing else can be judged then; all other faults are reported at once, as an *InvalidError.
func (m *Manifest) Validate() error {
	if err := knownFeatures(m.Requires); err != nil {
		return err
	}
	c := &checker{}
	m.checkHead(c)
	m.checkModes(c)
	m.checkSignature(c)
	m.checkShards(c)
	m.checkLocal(c)
	m.checkTrees(c)
	m.checkSteps(c)
	m.checkFlow(c)
	return c.err("manifest")
}

func (m *Manifest) checkHead(c *checker) {
	if m.Format != Format {
		c.fail("/format", "is %.80q, wanted %q", m.Format, Format)
	}
	if !slices.IsSorted(m.Requires) || len(slices.Compact(slices.Clone(m.Requires))) != len(m.Requires) {
		c.fail("/requires", "is not ascending or names a feature twice")
	}
	for _, name := range m.Needs() {
		if known := slices.Contains(Features(), name); known && !slices.Contains(m.Requires, name) {
			c.fail("/requires", "lacks %q, which the signature or a step uses", name)
		}
	}
	if !modelName.MatchString(m.Name) {
		c.fail("/name", "is %.80q; a model name has 1 to 40 of a-z, 0-9 and -, not at its ends", m.Name)
	}
	if !versionName.MatchString(m.Version) {
		c.fail("/version", "is %.80q; a version has 1 to 64 letters, digits, dots, _, + and -, beginning with a letter or digit", m.Version)
	}
	if m.Radix != Radix {
		c.fail("/radix", "is %d, wanted %d", m.Radix, Radix)
	}
	if len(m.Sources) == 0 {
		c.fail("/sources", "is empty; wanted the model file that was split")
	}
	for i, s := range m.Sources {
		p := at("/sources").index(i)
		c.sourcePath(p.key("file"), s.File)
		c.digest(p.key("sha256"), s.SHA256)
		c.name(p.key("importer"), s.Importer)
		if len(s.Library) > maxName || !utf8.ValidString(s.Library) {
			c.fail(p.key("library"), "is longer than %d bytes or not UTF-8", maxName)
		}
	}
}

func (m *Manifest) checkModes(c *checker) {
	if len(m.Modes) == 0 {
		c.fail("/modes", "is empty; wanted at least one numeric mode")
	}
	for i, mode := range m.Modes {
		p := at("/modes").index(i)
		if !modeName.MatchString(mode) || mode == AutoMode {
			c.fail(p, "is %.80q; a mode has 1 to 32 of a-z, 0-9, _ and -, begins with a letter and is not %q", mode, AutoMode)
		}
		if slices.Contains(m.Modes[:i], mode) {
			c.fail(p, "%.80q stands twice", mode)
		}
	}
}

func (m *Manifest) checkSignature(c *checker) {
	if m.Signature.Rows != "" && m.Signature.Rows != RowsNone {
		c.fail("/signature/rows", "is %.80q, wanted %q or nothing", m.Signature.Rows, RowsNone)
	}
	if len(m.Signature.Inputs) == 0 {
		c.fail("/signature/inputs", "is empty")
	}
	if len(m.Signature.Outputs) == 0 {
		c.fail("/signature/outputs", "is empty")
	}
	seen := map[string]bool{}
	for i, in := range m.Signature.Inputs {
		p := at("/signature/inputs").index(i)
		c.valueName(p.key("name"), in.Name, seen)
		c.dtype(p.key("dtype"), in.DType)
		c.shape(p.key("shape"), in.Shape)
		c.features(p, in)
	}
	anyDefault := false
	for i, out := range m.Signature.Outputs {
		p := at("/signature/outputs").index(i)
		c.valueName(p.key("name"), out.Name, seen)
		c.dtype(p.key("dtype"), out.DType)
		c.shape(p.key("shape"), out.Shape)
		m.checkRules(c, p.key("rules"), out)
		anyDefault = anyDefault || out.Default
	}
	if !anyDefault && len(m.Signature.Outputs) > 0 {
		c.fail("/signature/outputs", "has no default output; a request that names none would get nothing")
	}
}

func (c *checker) features(p at, in Input) {
	for i, d := range in.Accepts {
		c.dtype(p.key("accepts").index(i), d)
		if d == in.DType || slices.Contains(in.Accepts[:i], d) {
			c.fail(p.key("accepts").index(i), "%s stands twice or is the input's own dtype", d)
		}
	}
	if in.Missing && !in.DType.Float() {
		c.fail(p.key("missing"), "is true for dtype %s, which has no NaN", in.DType)
	}
	if len(in.Features) == 0 {
		return
	}
	rank := len(in.Shape)
	if rank == 0 || in.Shape[rank-1].Name != "" || in.Shape[rank-1].Size != len(in.Features) {
		c.fail(p.key("features"), "has %d names; the last dimension must be fixed and have as many", len(in.Features))
	}
	names := make(map[string]bool, len(in.Features))
	for i, f := range in.Features {
		c.valueName(p.key("features").index(i).key("name"), f.Name, names)
		switch f.Kind {
		case "", "float", "int", "indicator", "categorical":
		default:
			c.fail(p.key("features").index(i).key("kind"), `is %.80q, wanted "float", "int", "indicator", "categorical" or nothing`, f.Kind)
		}
	}
}

func (m *Manifest) checkRules(c *checker, p at, out Output) {
	for _, mode := range m.Modes {
		r, ok := out.Rules[mode]
		if !ok {
			c.fail(p, "has no rule for mode %q", mode)
			continue
		}
		tolerances := []float64{r.Rel, r.Abs, r.Scale}
		sum := 0.0
		for _, v := range tolerances {
			if !(v >= 0) || math.IsInf(v, 0) {
				c.fail(p.key(mode), "has tolerance %v; wanted a finite number from 0 up", v)
			}
			sum += v
		}
		if r.Exact && sum != 0 {
			c.fail(p.key(mode), "is exact and has a tolerance; wanted one of the two")
		}
	}
	for mode := range out.Rules {
		if !slices.Contains(m.Modes, mode) {
			c.fail(p, "has a rule for mode %.80q, which is not in /modes", mode)
		}
	}
}

// name checks the name of a value, tensor, feature or symbol: other formats choose them, so nearly all text is legal.
func (c *checker) name(p at, name string) {
	if name == "" || len(name) > maxName || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		c.fail(p, "is %.80q; a name has 1 to %d bytes of UTF-8 without control characters", name, maxName)
	}
}

func (c *checker) valueName(p at, name string, seen map[string]bool) {
	c.name(p, name)
	if seen[name] {
		c.fail(p, "%.80q stands twice", name)
	}
	seen[name] = true
}

func (c *checker) dtype(p at, d tensor.DType) {
	if d == tensor.Invalid || d > tensor.String {
		c.fail(p, "is no dtype")
	}
}

func (c *checker) shape(p at, shape []Dim) {
	if len(shape) > maxRank {
		c.fail(p, "has %d dimensions, at most %d are legal", len(shape), maxRank)
		return
	}
	fixed := 1
	for i, d := range shape {
		switch {
		case d.Name != "":
			c.name(p.index(i), d.Name)
			if d.Size != 0 {
				c.fail(p.index(i), "has both the size %d and the symbol %.80q", d.Size, d.Name)
			}
		case d.Size < 0 || d.Size > maxDim:
			c.fail(p.index(i), "is %d, wanted 0 to 2^53", d.Size)
		case d.Size > 0 && fixed > maxInteger/d.Size:
			c.fail(p, "has more than 2^53 elements")
			return
		case d.Size > 0:
			fixed *= d.Size
		}
	}
}

func (c *checker) digest(p at, s string) {
	if !lowerHex(s, 64) {
		c.fail(p, "is %.80q, wanted a SHA-256 in 64 lower-case hex digits", s)
	}
}

// path checks a relative path with forward slashes that stays below its directory on every operating system.
func (c *checker) path(p at, s string) {
	if !below(s) || strings.ContainsAny(s, "\\:") {
		c.fail(p, "is %.80q; wanted a relative path with forward slashes and without . or .., \\ and :", s)
	}
}

// sourcePath checks the path of a file that users named: it is opened where it was made, and nowhere else.
func (c *checker) sourcePath(p at, s string) {
	if !below(s) {
		c.fail(p, "is %.80q; wanted a relative path without . or ..", s)
	}
}

// below reports whether s is a clean relative path of printable text that does not lead upwards.
func below(s string) bool {
	return s != "" && s != "." && len(s) <= 4*maxName && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl) &&
		path.Clean(s) == s && !path.IsAbs(s) && s != ".." && !strings.HasPrefix(s, "../")
}

// size checks a number of bytes or the like.
func (c *checker) size(p at, n int64) {
	if n < 0 || n > maxInteger {
		c.fail(p, "is %d, wanted 0 to 2^53", n)
	}
}
