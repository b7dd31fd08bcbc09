package recommender_test

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/splitter/recommender"
)

func TestTheExampleHasMLPerfsSizes(t *testing.T) {
	data, err := os.ReadFile("../../examples/dlrm-dcnv2.json")
	if err != nil {
		t.Fatal(err)
	}
	d, err := recommender.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	rows, lookups := 0, 0
	for _, table := range d.Tables {
		rows, lookups = rows+table.Rows, lookups+table.Pooling
	}
	if len(d.Tables) != 26 || rows != 204_184_588 || lookups != 214 {
		t.Errorf("%d tables of %d rows, %d looked up for a sample", len(d.Tables), rows, lookups)
	}
	g, values := d.Build()
	tables, dense := int64(0), int64(0)
	for name, w := range g.Weights {
		switch {
		case strings.HasPrefix(name, "table_") && w.Data == nil:
			tables += w.Length
		case w.Data == nil:
			dense += w.Length / 4
		}
	}
	if tables != 104_542_509_056 || dense/1e4 != 1604 { // 16.04 million
		t.Errorf("tables of %d bytes, %d dense parameters", tables, dense)
	}
	for _, n := range g.Nodes {
		for _, name := range append(n.Inputs, n.Outputs...) {
			if v, ok := values[name]; !ok || !v.Ranked {
				t.Errorf("node %s: the type of %s is not known", n.Name, name)
			}
		}
	}
}

func TestDescriptionsWithFaultsAreRefusedByField(t *testing.T) {
	const table = `{"name": "a", "rows": 10, "dim": 4}`
	describe := func(tables, dense, interaction, top string) string {
		return fmt.Sprintf(`{"format": %q, "name": "m", "tables": [%s], "dense": %s, "interaction": %s, "top": %s}`, recommender.Format, tables, dense, interaction, top)
	}
	if _, err := recommender.Parse([]byte(describe(table, `{"features": 0}`, `{"kind": "cat"}`, `[1]`))); err != nil {
		t.Errorf("a legal one: %v", err)
	}
	for want, text := range map[string]string{
		"format": `{"format": "x", "tables": [` + table + `], "interaction": {"kind": "cat"}, "top": [1]}`,
		`tables[1].rows: wanted a whole number of at most 64 bits, found "many"`: describe(table+`,{"name": "b", "rows": "many", "dim": 4}`, `{"features": 0}`, `{"kind": "cat"}`, `[1]`),
		`dense: wanted an object, found 3`:                                       describe(table, `3`, `{"kind": "cat"}`, `[1]`),
		"unknown field":                                                          `{"format": "shardwise-recommender/1", "rows": 1}`,
		"tables[1]: the name":                                                    describe(table+","+table, `{"features": 0}`, `{"kind": "cat"}`, `[1]`),
		`the name "a\x1b[31m"`:                                                   describe(`{"name": "a\u001b[31m", "rows": 10, "dim": 4}`, `{"features": 0}`, `{"kind": "cat"}`, `[1]`),
		"more than 256 bytes":                                                    describe(`{"name": "`+strings.Repeat("a", 257)+`", "rows": 10, "dim": 4}`, `{"features": 0}`, `{"kind": "cat"}`, `[1]`),
		"tables[0].rows is 0":                                                    describe(`{"name": "a", "dim": 4}`, `{"features": 0}`, `{"kind": "cat"}`, `[1]`),
		"tables[0].mode":                                                         describe(`{"name": "a", "rows": 10, "dim": 4, "mode": "max"}`, `{"features": 0}`, `{"kind": "cat"}`, `[1]`),
		"tables[0].dtype":                                                        describe(`{"name": "a", "rows": 10, "dim": 4, "dtype": "I8"}`, `{"features": 0}`, `{"kind": "cat"}`, `[1]`),
		"neither tables nor":                                                     describe(``, `{"features": 0}`, `{"kind": "cat"}`, `[1]`),
		"dense.bottom[0]":                                                        describe(table, `{"features": 2, "bottom": [0]}`, `{"kind": "cat"}`, `[1]`),
		"top has no layers":                                                      describe(table, `{"features": 0}`, `{"kind": "cat"}`, `[]`),
		"interaction.kind":                                                       describe(table, `{"features": 0}`, `{"kind": "sum"}`, `[1]`),
		"dcn has 0 layers":                                                       describe(table, `{"features": 0}`, `{"kind": "dcn"}`, `[1]`),
		"tables of one dim":                                                      describe(table+`,{"name": "b", "rows": 10, "dim": 8}`, `{"features": 0}`, `{"kind": "dot"}`, `[1]`),
		"wants a bottom network":                                                 describe(table+`,{"name": "b", "rows": 10, "dim": 4}`, `{"features": 3, "bottom": [5]}`, `{"kind": "dot"}`, `[1]`),
		"at least two tables":                                                    describe(table, `{"features": 0}`, `{"kind": "dot"}`, `[1]`),
	} {
		if _, err := recommender.Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", want, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"format": "shardwise-recommender/1", "name": "m", "tables": [{"name": "a", "rows": 2147483647, "dim": 65536, "pooling": 65536}], "dense": {"features": 1}, "interaction": {"kind": "cat"}, "top": [1048576, 1]}`))
	f.Add([]byte(`{"format": "shardwise-recommender/1", "tables": [{"name": "a", "rows": 1, "dim": 1}, {"name": "b", "rows": 1, "dim": 1}], "interaction": {"kind": "dot"}, "top": [1]}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := recommender.Parse(data)
		if err != nil || len(d.Tables)+len(d.Top)+d.Interaction.Layers > 100 {
			return
		}
		written, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := recommender.Parse(written); err != nil || !reflect.DeepEqual(again, d) {
			t.Errorf("%s: read as %+v, written and read again %+v, error %v", data, d, again, err)
		}
		g, _ := d.Build()
		for name, w := range g.Weights {
			if w.Data == nil && w.Length <= 0 {
				t.Errorf("weight %s has %d bytes", name, w.Length)
			}
		}
	})
}
