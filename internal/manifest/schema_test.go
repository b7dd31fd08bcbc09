package manifest

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/shardwise/shardwise/internal/tensor"
)

const (
	manifestSchema   = "../../docs/schema/manifest.schema.json"
	deploymentSchema = "../../docs/schema/deployment.schema.json"
)

func compile(t *testing.T, path string) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// conforms validates a JSON text.
func conforms(t *testing.T, s *jsonschema.Schema, text []byte) error {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(v)
}

func TestSchemaAcceptsValidManifests(t *testing.T) {
	s := compile(t, manifestSchema)
	for name, m := range samples() {
		if err := conforms(t, s, encode(t, m)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, kind := range mergeKinds() {
		if err := conforms(t, s, encode(t, everyMerge(kind))); err != nil {
			t.Errorf("merge %s: %v", kind, err)
		}
	}
}

// TestSchemaRefusesBrokenManifests applies those spoilers whose fault a schema can see: what concerns one place of the
// document, not how two places agree.
func TestSchemaRefusesBrokenManifests(t *testing.T) {
	visible := []string{"format", "capital name", "long name", "dash at the end", "version with a slash", "radix", "no sources", "source path",
		"source digest", "no importer", "requires twice", "no modes", "mode auto", "mode twice", "no inputs", "no outputs", "empty name", "rank",
		"feature kind", "negative tolerance", "exact and tolerance", "no shards", "absolute path", "path out of the directory", "unclean path",
		"backslash", "drive", "role", "negative size", "no checksums", "checksums of a program", "chunk size", "no engine", "negative memory",
		"no trees", "leaf sum of other digits", "no steps", "step name", "neither stage nor local", "stage and local", "no shards in the stage",
		"negative shard", "no stage inputs", "no stage outputs", "local input twice", "no local outputs", "unknown scatter", "component name",
		"unknown merge", "component missing", "no acc", "acc of a concat", "ordered sum without init", "table of a sum", "k of a sum"}
	s := compile(t, manifestSchema)
	tried := map[string]bool{}
	for _, list := range [][]spoiler{headSpoilers(), signatureSpoilers(), shardSpoilers(), stepSpoilers(), mergeSpoilers()} {
		for _, sp := range list {
			if !slices.Contains(visible, sp.name) {
				continue
			}
			tried[sp.name] = true
			m := treeManifest()
			sp.spoil(m)
			if conforms(t, s, encode(t, m)) == nil {
				t.Errorf("%s: accepted", sp.name)
			}
		}
	}
	for _, name := range visible {
		if !tried[name] {
			t.Errorf("there is no spoiler %q", name)
		}
	}
	good := string(encode(t, treeManifest()))
	for name, edit := range map[string][2]string{
		"unknown member": {`"radix":16`, `"radix":16,"sparkles":1`}, "missing member": {`"radix":16,`, ``}, "null list": {`"requires":[]`, `"requires":null`},
		"unknown dtype": {`"dtype":"F32"`, `"dtype":"F31"`}, "fractional dimension": {`["batch",4]`, `["batch",4.5]`}, "empty kind": {`"kind":"categorical"`, `"kind":""`},
	} {
		if !strings.Contains(good, edit[0]) {
			t.Fatalf("the sample lacks %s", edit[0])
		}
		if conforms(t, s, []byte(strings.Replace(good, edit[0], edit[1], 1))) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestSchemaOfDeployments(t *testing.T) {
	s := compile(t, deploymentSchema)
	for name, spoil := range map[string]func(d *Deployment){
		"":              func(*Deployment) {},
		"format":        func(d *Deployment) { d.Format = "1" },
		"reply":         func(d *Deployment) { d.Reply = "xml" },
		"memory":        func(d *Deployment) { d.Shards[0].MemoryMB = 10241 },
		"timeout":       func(d *Deployment) { d.Coordinator.TimeoutSeconds = 0 },
		"function name": func(d *Deployment) { d.Shards[1].Name = "a.b" },
		"storage":       func(d *Deployment) { d.Shards[1].EphemeralMB = 511 },
		"bucket":        func(d *Deployment) { d.Store = &Store{Bucket: "Capitals", Prefix: "p"} },
		"no prefix":     func(d *Deployment) { d.Store = &Store{Bucket: "bucket"} },
		"slashes":       func(d *Deployment) { d.Store = &Store{Bucket: "bucket", Prefix: "a//b"} },
		"slash at end":  func(d *Deployment) { d.Store = &Store{Bucket: "bucket", Prefix: "a/"} },
	} {
		d := DefaultDeployment(treeManifest())
		spoil(d)
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		if err := conforms(t, s, text); (err == nil) != (name == "") {
			t.Errorf("spoiled %q: error %v", name, err)
		}
		if err := d.Validate(treeManifest()); (err == nil) != (name == "") {
			t.Errorf("spoiled %q: Validate says %v", name, err)
		}
	}
}

// schemaNode is the part of a schema that mirrors a Go struct.
type schemaNode struct {
	Type                 any                   `json:"type"`
	AdditionalProperties any                   `json:"additionalProperties"`
	Required             []string              `json:"required"`
	Properties           map[string]schemaNode `json:"properties"`
	Ref                  string                `json:"$ref"`
	Items                *schemaNode           `json:"items"`
	Enum                 []string              `json:"enum"`
	Defs                 map[string]schemaNode `json:"$defs"`
}

// TestSchemaAndTypesAgreeFieldByField walks the Go types: each struct has a definition of its name with exactly its
// members, those without omitempty required, and members that are structs refer to the struct's definition.
func TestSchemaAndTypesAgreeFieldByField(t *testing.T) {
	for path, root := range map[string]reflect.Type{manifestSchema: reflect.TypeFor[Manifest](), deploymentSchema: reflect.TypeFor[Deployment]()} {
		data, err := readBounded(path)
		if err != nil {
			t.Fatal(err)
		}
		var schema schemaNode
		if err := json.Unmarshal(data, &schema); err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		agree(t, schema, schema, root, seen)
		if len(seen) < 2 {
			t.Errorf("%s: only %d types were compared", path, len(seen))
		}
	}
}

func agree(t *testing.T, root, node schemaNode, typ reflect.Type, seen map[string]bool) {
	if seen[typ.Name()] {
		return
	}
	seen[typ.Name()] = true
	if node.AdditionalProperties != false {
		t.Errorf("%s: unknown members are not refused", typ.Name())
	}
	var required, members []string
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		members = append(members, name)
		if options != "omitempty" {
			required = append(required, name)
		}
		property, ok := node.Properties[name]
		if !ok {
			t.Errorf("%s.%s: the schema has no member %q", typ.Name(), f.Name, name)
			continue
		}
		if inner, ok := structOf(f.Type); ok {
			for property.Items != nil {
				property = *property.Items
			}
			if extra, ok := property.AdditionalProperties.(map[string]any); ok {
				property.Ref, _ = extra["$ref"].(string)
			}
			if property.Ref != "#/$defs/"+inner.Name() {
				t.Errorf("%s.%s refers to %q, want the definition of %s", typ.Name(), f.Name, property.Ref, inner.Name())
				continue
			}
			agree(t, root, root.Defs[inner.Name()], inner, seen)
		}
	}
	slices.Sort(required)
	slices.Sort(node.Required)
	if !slices.Equal(required, node.Required) {
		t.Errorf("%s requires %q, the type %q", typ.Name(), node.Required, required)
	}
	for name := range node.Properties {
		if !slices.Contains(members, name) {
			t.Errorf("%s has member %q, which the type lacks", typ.Name(), name)
		}
	}
}

// structOf is the struct that a field holds, directly or in pointers, lists and maps; Dim is none: it is a number or a string.
func structOf(typ reflect.Type) (reflect.Type, bool) {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map {
		typ = typ.Elem()
	}
	return typ, typ.Kind() == reflect.Struct && typ != reflect.TypeFor[Dim]()
}

// TestSchemaListsEveryName compares the schema's enumerations with the code's.
func TestSchemaListsEveryName(t *testing.T) {
	data, err := readBounded(manifestSchema)
	if err != nil {
		t.Fatal(err)
	}
	var schema schemaNode
	if err := json.Unmarshal(data, &schema); err != nil {
		t.Fatal(err)
	}
	var dtypes, roles []string
	for d := tensor.Bool; d <= tensor.String; d++ {
		dtypes = append(dtypes, d.String())
	}
	for _, kind := range mergeKinds() {
		roles = append(roles, Roles(kind)...)
	}
	slices.Sort(roles)
	for name, c := range map[string]struct{ schema, code []string }{
		"dtypes":     {schema.Defs["DType"].Enum, dtypes},
		"merges":     {schema.Defs["Merge"].Properties["kind"].Enum, mergeKinds()},
		"roles":      {schema.Defs["Component"].Properties["role"].Enum, slices.Compact(roles)},
		"scatters":   {schema.Defs["Scatter"].Properties["kind"].Enum, []string{ScatterReplicate, ScatterSlice, ScatterSelect, ScatterRows, ScatterRoute}},
		"placements": {schema.Defs["Placement"].Properties["kind"].Enum, []string{PlaceReplicate, PlaceShard, PlacePartial}},
		"file roles": {schema.Defs["File"].Properties["role"].Enum, []string{RoleWeights, RoleProgram, RoleReference}},
	} {
		slices.Sort(c.schema)
		slices.Sort(c.code)
		if !slices.Equal(c.schema, c.code) {
			t.Errorf("%s: the schema lists %q, the code %q", name, c.schema, c.code)
		}
	}
}
