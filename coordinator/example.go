package coordinator

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/shardwise/shardwise/internal/tensor"
)

// How much of an example is spelt out.
const (
	maxExampleData   = 8
	maxExampleInputs = 4
)

// example is the least infer request for one row of the model, for messages. Long data are cut short by three dots.
func (c *Coordinator) example() string {
	var inputs []string
	for i, in := range c.manifest.Signature.Inputs {
		if i == maxExampleInputs {
			inputs = append(inputs, "...")
			break
		}
		shape, n := make([]string, len(in.Shape)), 1
		for i, d := range in.Shape {
			size := d.Size
			if d.Name != "" {
				size = 1
			}
			shape[i] = strconv.Itoa(size)
			n = min(n*min(size, maxExampleData+1), maxExampleData+1)
		}
		inputs = append(inputs, fmt.Sprintf(`{"name":%q,"shape":[%s],"datatype":%q,"data":[%s]}`,
			in.Name, strings.Join(shape, ","), in.DType.OIP(), exampleData(in.DType, n)))
	}
	return `{"inputs":[` + strings.Join(inputs, ",") + `]}`
}

func exampleData(d tensor.DType, n int) string {
	value := "0"
	switch d {
	case tensor.Bool:
		value = "false"
	case tensor.String:
		value = `"a"`
	}
	data := make([]string, min(n, maxExampleData))
	for i := range data {
		data[i] = value
	}
	if n > maxExampleData {
		data = append(data, "...")
	}
	return strings.Join(data, ",")
}
