package backend

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/native"
)

// count is how many cases there are, and how many of them each engine passes.
type count struct{ cases, native, ort int }

func (c *count) add(passedNative, passedORT bool) {
	c.cases++
	if passedNative {
		c.native++
	}
	if passedORT {
		c.ort++
	}
}

func (c count) percent(n int) string {
	if c.cases == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(n)/float64(c.cases))
}

// page is docs/operators.md before it is written.
type page struct {
	counted    count
	sets       map[string]*count // inference cases by set
	outside    map[string]*count // all others, by reason
	operators  map[string]*count // cases of one node, outside ones too, by operator
	several    count
	exceptions map[string]map[string]string // by engine
}

func newPage(list []outcome, nativeGolden, ort golden) *page {
	p := &page{sets: map[string]*count{}, outside: map[string]*count{}, operators: map[string]*count{},
		exceptions: map[string]map[string]string{"native": nativeGolden.exceptions, "ONNX Runtime": ort.exceptions}}
	at := func(m map[string]*count, key string) *count {
		if m[key] == nil {
			m[key] = &count{}
		}
		return m[key]
	}
	for _, o := range list {
		here, there := o.state == passed, ort.passed[o.name]
		if why := o.header.outside(); why != "" {
			at(p.outside, why).add(here, there)
		} else {
			set, _, _ := strings.Cut(o.name, "/")
			p.counted.add(here, there)
			at(p.sets, set).add(here, there)
		}
		if op := o.header.subject(); op != "" {
			at(p.operators, op).add(here, there)
		} else {
			p.several.add(here, there)
		}
	}
	return p
}

func (p *page) share() float64 { return float64(p.counted.native) / float64(p.counted.cases) }

const introduction = `# Operators

What the engines run, measured with the cases that ONNX publishes for every runtime. A test writes this page
(` + "`go test ./tests/backend -update`" + `) and fails when it is not what the cases say. ONNX Runtime's columns are those of its
own list, which the same test holds when it is built with the tag ` + "`onnxruntime`" + `.

A case is a model with inputs and the outputs that it must give. It passes when integers, booleans and strings are equal and
floats within 1e-3 of the value plus 1e-7, the tolerance of ONNX's own runner, or the case's own. What does not pass is
refused when the model is read, with the name of the operator or type. A wrong value fails the tests, and so does a case that
passed once and does not any more.

No tensor of a run on the native engine can be larger than the process's memory limit (GOMEMLIMIT, in a function three quarters of its
memory) or than 10,240 MB, the largest function's memory, and all tensors in use at a time can have a third more than GOMEMLIMIT. A node
that wants more fails by its name before it allocates anything.

Operators of ONNX Runtime's own domain, ` + "`com.microsoft`" + `, have no such cases. Those that its optimiser and quantiser write most are
rewritten as ONNX's operators when a model is read (docs/decisions/0011-graph-optimisation.md).

## Inference on float, integer and boolean tensors
`

func (p *page) text() []byte {
	var b bytes.Buffer
	b.WriteString(introduction)
	fmt.Fprintf(&b, "\n| cases | number | native | | ONNX Runtime | |\n|---|---:|---:|---:|---:|---:|\n")
	row := func(name string, c count) {
		fmt.Fprintf(&b, "| %s | %d | %d | %s | %d | %s |\n", name, c.cases, c.native, c.percent(c.native), c.ort, c.percent(c.ort))
	}
	for _, s := range sets() {
		if c := p.sets[s.name]; c != nil {
			row(describe(s.name), *c)
		}
	}
	row("all of these", p.counted)
	b.WriteString("\n## Cases that do not count there\n\nThey are run too, and must not give wrong values.\n\n| cases of | number | native | | ONNX Runtime | |\n|---|---:|---:|---:|---:|---:|\n")
	for _, why := range slices.Sorted(maps.Keys(p.outside)) {
		row(why, *p.outside[why])
	}
	b.WriteString("\nTraining is training operators, `training_mode` and loss functions. A case is of the first of these kinds that its operators, inputs or outputs belong to.\n")
	p.writeOperators(&b)
	p.writeExceptions(&b)
	return b.Bytes()
}

// describe is what a set is called in the page.
func describe(set string) string {
	return map[string]string{"node": "operators, ONNX 1.12", "node-newest": "operators, ONNX 1.23.2", "pytorch-converted": "modules that PyTorch exported",
		"pytorch-operator": "functions that PyTorch exported", "simple": "small graphs"}[set]
}

func (p *page) writeOperators(b *bytes.Buffer) {
	b.WriteString("\n## By operator\n\nVersions are those of the operator's domain that the native engine covers; types are those that it takes as first input, where\n" +
		"it says so. Cases are those with this operator as their only node, all kinds together.\n\n" +
		"| operator | versions | types | cases | native | ONNX Runtime |\n|---|---|---|---:|---:|---:|\n")
	table := map[string][]engine.Operator{}
	for key, definitions := range native.Operators() {
		name := key.Op
		if key.Domain != "" {
			name = key.Domain + "." + name
		}
		table[name] = definitions
	}
	names := slices.Collect(maps.Keys(table))
	for name := range p.operators {
		if table[name] == nil {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(strings.Compare(strings.ToLower(a), strings.ToLower(b)), strings.Compare(a, b))
	})
	for _, name := range names {
		c := count{}
		if p.operators[name] != nil {
			c = *p.operators[name]
		}
		fmt.Fprintf(b, "| %s | %s | %s | %d | %d | %d |\n", name, versions(table[name]), types(table[name]), c.cases, c.native, c.ort)
	}
	fmt.Fprintf(b, "| (several) | | | %d | %d | %d |\n", p.several.cases, p.several.native, p.several.ort)
}

// versions tells the ranges of versions of an operator's definitions.
func versions(definitions []engine.Operator) string {
	if len(definitions) == 0 {
		return "none"
	}
	sorted := slices.SortedFunc(slices.Values(definitions), func(a, b engine.Operator) int { return cmp.Compare(a.Since, b.Since) })
	var parts []string
	for i := 0; i < len(sorted); i++ {
		since, until := sorted[i].Since, sorted[i].Until
		for until != 0 && i+1 < len(sorted) && sorted[i+1].Since == until+1 {
			i++
			until = sorted[i].Until
		}
		switch {
		case until == 0:
			parts = append(parts, fmt.Sprintf("%d and later", since))
		case until == since:
			parts = append(parts, fmt.Sprint(since))
		default:
			parts = append(parts, fmt.Sprintf("%d to %d", since, until))
		}
	}
	return strings.Join(parts, ", ")
}

// types tells the dtypes that the newest definition takes as first input.
func types(definitions []engine.Operator) string {
	if len(definitions) == 0 {
		return ""
	}
	newest := slices.MaxFunc(definitions, func(a, b engine.Operator) int { return cmp.Compare(a.Since, b.Since) })
	if len(newest.In) == 0 || newest.In[0] == 0 {
		return ""
	}
	text := newest.In[0].String()
	if newest.Half {
		text += "; F16 and BF16 through F32"
	}
	return text
}

func (p *page) writeExceptions(b *bytes.Buffer) {
	b.WriteString("\n## Exceptions\n\n| engine | case | why it does not pass |\n|---|---|---|\n")
	for _, engine := range slices.Sorted(maps.Keys(p.exceptions)) {
		for _, name := range slices.Sorted(maps.Keys(p.exceptions[engine])) {
			fmt.Fprintf(b, "| %s | %s | %s |\n", engine, name, p.exceptions[engine][name])
		}
	}
}
