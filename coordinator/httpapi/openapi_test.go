package httpapi_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/shardwise/shardwise/coordinator/httpapi"
)

func parse(t *testing.T, text []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// compiler knows the OpenAPI 3.1 schema, which is the OpenAPI Initiative's own of 2022-10-07, and the description.
func compiler(t *testing.T) (*jsonschema.Compiler, any) {
	t.Helper()
	text, err := os.ReadFile("testdata/openapi-3.1-2022-10-07.json")
	if err != nil {
		t.Fatal(err)
	}
	r := ask(t, double{}, "GET", httpapi.DescriptionPath, "", nil)
	if r.StatusCode != 200 {
		t.Fatalf("found %+v", r)
	}
	description := parse(t, []byte(r.Body))
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	for url, doc := range map[string]any{"https://spec.openapis.org/oas/3.1/schema/2022-10-07": parse(t, text), "http://localhost/openapi.json": description} {
		if err := c.AddResource(url, doc); err != nil {
			t.Fatal(err)
		}
	}
	return c, description
}

func TestTheDescriptionIsOpenAPI(t *testing.T) {
	c, description := compiler(t)
	schema, err := c.Compile("https://spec.openapis.org/oas/3.1/schema/2022-10-07")
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(description); err != nil {
		t.Fatal(err)
	}
	delete(description.(map[string]any), "info")
	if schema.Validate(description) == nil {
		t.Fatal("the schema accepts a description without info, so that it proves nothing")
	}
}

func TestTheDescriptionDescribesWhatIsServed(t *testing.T) {
	c, description := compiler(t)
	for path := range description.(map[string]any)["paths"].(map[string]any) {
		method := "GET"
		if strings.HasSuffix(path, "/infer") {
			method = "POST"
		}
		if r := ask(t, double{}, method, path, `{"inputs":[{"name":"x","shape":[0,2],"datatype":"FP32","data":[]}]}`, nil); r.StatusCode != 200 {
			t.Errorf("%s: %d %s", path, r.StatusCode, r.Body)
		}
	}
	for _, check := range []struct {
		schema, text string
		good         bool
	}{
		{"Request", `{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,null]}]}`, true},
		{"Request", `{"id":"a","inputs":[{"name":"x","shape":[1,2],"datatype":"FP64","data":[[1,2]]}],"outputs":[{"name":"half","parameters":{"binary_data":true}}],"parameters":{"mode":"auto"}}`, true},
		{"Request", `{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}}],"parameters":{"binary_data_output":true}}`, true},
		{"Request", `{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":[1,2,3]}]}`, false},
		{"Request", `{"inputs":[{"name":"z","shape":[1,2],"datatype":"FP32","data":[1,2]}]}`, false},
		{"Request", `{"inputs":[{"name":"x","shape":[1,2],"datatype":"INT8","data":[1,2]}]}`, false},
		{"Request", `{"inputs":[]}`, false},
		{"Response", `{"model_name":"double","model_version":"1","parameters":{"mode":"exact"},"outputs":[{"name":"y","datatype":"FP32","shape":[1,2],"data":[2,4]}]}`, true},
		{"Response", `{"model_name":"double","model_version":"1","outputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[2,4]}]}`, false},
		{"Response", ask(t, double{}, "POST", "/v2/models/double/infer", `{"id":"q","inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,null]}]}`, nil).Body, true},
		{"Metadata", ask(t, double{}, "GET", "/v2/models/double", "", nil).Body, true},
		{"Server", ask(t, double{}, "GET", "/v2", "", nil).Body, true},
		{"Error", ask(t, double{}, "GET", "/nowhere", "", nil).Body, true},
		{"Error", `{"message":"no"}`, false},
	} {
		schema, err := c.Compile("http://localhost/openapi.json#/components/schemas/" + check.schema)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(parse(t, []byte(check.text))); (err == nil) != check.good {
			t.Errorf("%s %s: %v", check.schema, check.text, err)
		}
	}
}
