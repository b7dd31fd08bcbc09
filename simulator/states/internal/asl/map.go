package asl

import (
	"regexp"
	"slices"

	"github.com/shardwise/shardwise/simulator/states/internal/expr"
)

const (
	maxLabel = 40        // characters of a Map Run's label
	maxItems = 100000000 // of ReaderConfig.MaxItems
	noLimit  = 1 << 53
)

// mapFields are the fields of a Map beyond those that it shares; distributedFields only belong to DISTRIBUTED mode.
var (
	mapFields = []string{"ItemProcessor", "Iterator", "ItemsPath", "ItemSelector", "MaxConcurrency", "MaxConcurrencyPath",
		"ItemReader", "ItemBatcher", "ResultWriter", "Label", "ToleratedFailureCount", "ToleratedFailureCountPath",
		"ToleratedFailurePercentage", "ToleratedFailurePercentagePath"}
	distributedFields = mapFields[6:]
)

var labelForm = regexp.MustCompile(`^[^\s?*<>{}\[\]:;,\\|^~$#%&` + "`" + `"/\x00-\x1f\x7f-\x9f]+$`)

// mapState reads a Map, whose processor decides how it runs.
func (p *parser) mapState(s *State, n node) {
	n.exclusive("ItemProcessor", "Iterator")
	field := "ItemProcessor"
	if n.has("Iterator") {
		field = "Iterator" // its former name
	} else if !n.required("ItemProcessor") {
		return
	}
	n.exclusive("Parameters", "ItemSelector")
	s.Items, s.MaxConcurrency = n.selection("ItemsPath"), n.bound("MaxConcurrency", 0, noLimit)
	if s.Selector = n.template("ItemSelector"); n.has("Parameters") {
		s.Selector = n.template("Parameters") // the former name of ItemSelector
	}
	processor, ok := n.object(field)
	if !ok {
		return
	}
	s.ProcessorAddress = processor.at
	mode, express := p.mode(processor)
	if mode == "DISTRIBUTED" {
		if p.express {
			processor.bad("ProcessorConfig", "Express state machine does not support Map state in DISTRIBUTED mode")
		}
		s.Distributed = &Distributed{Express: express}
		p.distributed(s, n)
	} else {
		for _, f := range distributedFields {
			if n.has(f) {
				n.bad(f, "Field '%s' is not supported for Map state in INLINE mode", f)
			}
		}
	}
	outside := p.express
	p.express = outside || express
	s.Processor = p.machine(processor, false)
	p.express = outside
}

// mode reads ProcessorConfig.
func (p *parser) mode(processor node) (mode string, express bool) {
	config, ok := processor.object("ProcessorConfig")
	if !ok {
		return "INLINE", false
	}
	config.known("Mode", "ExecutionType")
	if mode = config.text("Mode"); mode == "" {
		mode = "INLINE"
	}
	kind := config.text("ExecutionType")
	switch mode {
	case "INLINE":
		if config.has("ExecutionType") {
			config.bad("ExecutionType", "Field 'ExecutionType' is not supported for Mode INLINE")
		}
	case "DISTRIBUTED":
		if config.required("ExecutionType") && kind != "STANDARD" && kind != "EXPRESS" {
			config.bad("ExecutionType", "Value '%s' is not one of: [STANDARD, EXPRESS]", kind)
		}
	default:
		config.bad("Mode", "Value '%s' is not one of: [INLINE, DISTRIBUTED]", mode)
	}
	return mode, kind == "EXPRESS"
}

func (p *parser) distributed(s *State, n node) {
	d := s.Distributed
	if d.Label = n.text("Label"); n.has("Label") && (!labelForm.MatchString(d.Label) || len([]rune(d.Label)) > maxLabel) {
		n.bad("Label", "Label must have 1 to %d characters, without white space and wildcards", maxLabel)
	}
	n.exclusive("ItemReader", "ItemsPath")
	// AWS takes values out of range here and fails the execution.
	d.Tolerated.Count = n.bound("ToleratedFailureCount", -noLimit, noLimit)
	d.Tolerated.Percentage = n.percentage("ToleratedFailurePercentage")
	if r, ok := n.object("ItemReader"); ok {
		d.Reader = p.reader(r)
	}
	if b, ok := n.object("ItemBatcher"); ok {
		b.known("MaxItemsPerBatch", "MaxItemsPerBatchPath", "MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath", "BatchInput")
		d.Batcher = &Batcher{MaxItems: b.bound("MaxItemsPerBatch", 1, maxItems), MaxBytes: b.bound("MaxInputBytesPerBatch", 1, 262144), Input: b.template("BatchInput")}
		if !d.Batcher.MaxItems.Set && !d.Batcher.MaxBytes.Set {
			n.bad("ItemBatcher", "At least one of these fields is required: [MaxItemsPerBatch, MaxInputBytesPerBatch]")
		}
	}
	if w, ok := n.object("ResultWriter"); ok {
		d.Writer = p.writer(w)
	}
}

// percentage reads a number with a fraction, or a path.
func (n node) percentage(name string) Bound {
	n.exclusive(name, name+"Path")
	if n.has(name + "Path") {
		return Bound{Path: n.path(name + "Path"), Set: true}
	}
	v, ok := n.fields[name]
	if !ok {
		return Bound{}
	}
	f, ok := number(v)
	if !ok {
		n.bad(name, "Expected value of type Number")
	}
	return Bound{Value: f, Set: true}
}

// locations reads Parameters that name a place in S3: an object with these fields and no others.
func (p *parser) locations(n node, required string, optional ...string) *expr.Template {
	t := n.template("Parameters")
	object, ok := n.object("Parameters")
	if !ok {
		n.required("Parameters")
		return t
	}
	if !t.Has(required) {
		p.fault(object.at, SchemaFailed, "The field '%s' is required but was missing", required)
	}
	for _, f := range t.Names() {
		if f != required && !slices.Contains(optional, f) {
			object.bad(f, "The field '%s' is not supported by the simulator", f)
		}
	}
	return t
}

func (p *parser) reader(n node) *Reader {
	n.known("Resource", "Parameters", "ReaderConfig")
	n.required("Resource")
	r := &Reader{Delimiter: ','}
	switch resource := n.text("Resource"); resource {
	case "arn:aws:states:::s3:getObject":
		r.Parameters = p.locations(n, "Bucket", "Key")
		if r.Parameters != nil && !r.Parameters.Has("Key") {
			n.bad("Parameters", "The field 'Key' is required but was missing")
		}
	case "arn:aws:states:::s3:listObjectsV2":
		r.List, r.Parameters = true, p.locations(n, "Bucket", "Prefix")
	default:
		n.bad("Resource", "Value '%s' is not one of: [arn:aws:states:::s3:getObject, arn:aws:states:::s3:listObjectsV2]", resource)
	}
	config, ok := n.object("ReaderConfig")
	if !ok && !r.List {
		n.required("ReaderConfig")
	}
	if ok {
		p.readerConfig(r, config)
	}
	return r
}

func (p *parser) readerConfig(r *Reader, n node) {
	for _, f := range []string{"ManifestType", "Transformation"} {
		if n.has(f) && n.fields[f] != "NONE" {
			n.refuse(f, f+" of an ItemReader")
		}
	}
	n.known("InputType", "CSVHeaderLocation", "CSVHeaders", "CSVDelimiter", "MaxItems", "MaxItemsPath", "ItemsPointer", "ManifestType", "Transformation")
	r.MaxItems = n.bound("MaxItems", -noLimit, maxItems) // AWS fails the execution when it is negative
	if r.List {
		for _, f := range []string{"InputType", "CSVHeaderLocation", "CSVHeaders", "CSVDelimiter", "ItemsPointer"} {
			if n.has(f) {
				n.bad(f, "Field '%s' is not supported for s3:listObjectsV2", f)
			}
		}
		return
	}
	if !n.required("InputType") {
		return
	}
	switch r.InputType = n.text("InputType"); r.InputType {
	case "JSON", "JSONL":
	case "CSV":
		p.csv(r, n)
	case "PARQUET", "MANIFEST":
		n.refuse("InputType", "InputType "+r.InputType)
	default:
		n.bad("InputType", "Value '%s' is not one of: [CSV, JSON, JSONL, PARQUET, MANIFEST]", r.InputType)
	}
	if r.Pointer = n.text("ItemsPointer"); n.has("ItemsPointer") && (r.InputType != "JSON" || r.Pointer != "" && r.Pointer[0] != '/') {
		n.bad("ItemsPointer", "Value must be a JSON pointer, and InputType JSON")
	}
}

func (p *parser) csv(r *Reader, n node) {
	if !n.required("CSVHeaderLocation") {
		return
	}
	switch location := n.text("CSVHeaderLocation"); location {
	case "FIRST_ROW":
		if n.has("CSVHeaders") {
			n.bad("CSVHeaders", "Field 'CSVHeaders' is only supported with CSVHeaderLocation GIVEN")
		}
	case "GIVEN":
		list, _ := n.fields["CSVHeaders"].([]any)
		for _, v := range list {
			s, ok := v.(string)
			if !ok {
				n.bad("CSVHeaders", "Expected an array of texts")
			}
			r.Headers = append(r.Headers, s)
		}
		if len(r.Headers) == 0 {
			n.bad("CSVHeaders", "Expected a non-empty array of texts")
		}
	default:
		n.bad("CSVHeaderLocation", "Value '%s' is not one of: [FIRST_ROW, GIVEN]", location)
	}
	delimiters := map[string]byte{"COMMA": ',', "PIPE": '|', "SEMICOLON": ';', "SPACE": ' ', "TAB": '\t'}
	if d := n.text("CSVDelimiter"); n.has("CSVDelimiter") {
		c, ok := delimiters[d]
		if !ok {
			n.bad("CSVDelimiter", "Value '%s' is not one of: [COMMA, PIPE, SEMICOLON, SPACE, TAB]", d)
		}
		r.Delimiter = c
	}
}

func (p *parser) writer(n node) *Writer {
	n.known("Resource", "Parameters", "WriterConfig")
	w := &Writer{Transformation: "NONE"}
	if n.has("Resource") || n.has("Parameters") {
		n.required("Resource", "Parameters")
		if r := n.text("Resource"); r != "arn:aws:states:::s3:putObject" {
			n.bad("Resource", "Value '%s' is not one of: [arn:aws:states:::s3:putObject]", r)
		}
		w.Parameters = p.locations(n, "Bucket", "Prefix")
	}
	config, ok := n.object("WriterConfig")
	if !ok {
		if w.Parameters == nil {
			p.fault(n.where(), SchemaFailed, "At least one of these fields is required: [Resource, WriterConfig]")
		}
		return w
	}
	config.known("Transformation", "OutputType")
	config.required("Transformation", "OutputType")
	switch w.Transformation = config.text("Transformation"); w.Transformation {
	case "NONE", "COMPACT", "FLATTEN":
	default:
		config.bad("Transformation", "Value '%s' is not one of: [NONE, COMPACT, FLATTEN]", w.Transformation)
	}
	switch o := config.text("OutputType"); o {
	case "JSON":
	case "JSONL":
		w.Lines = true
	default:
		config.bad("OutputType", "Value '%s' is not one of: [JSON, JSONL]", o)
	}
	return w
}
