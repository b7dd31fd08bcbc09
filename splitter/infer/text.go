package infer

import "github.com/shardwise/shardwise/internal/tensor"

// textRules are the operators on strings.
func textRules() map[string]rule {
	return merge(
		onnxRules(inferArithmetic, "StringConcat"),
		onnxRules(inferRegex, "RegexFullMatch"),
		onnxRules(inferStringSplit, "StringSplit"),
		onnxRules(inferStringNormalizer, "StringNormalizer"),
		onnxRules(inferTfIdf, "TfIdfVectorizer"),
		onnxRules(inferImageDecoder, "ImageDecoder"),
	)
}

func inferRegex(c *call) error {
	c.like(0, c.input(0), tensor.Bool)
	return nil
}

func inferStringSplit(c *call) error {
	x := c.input(0)
	c.like(0, x, tensor.String)
	c.like(1, x, tensor.I64)
	if x.Rank() >= 0 {
		c.out[0].Dims = append(c.out[0].Dims, Dim{})
	}
	return nil
}

func inferStringNormalizer(c *call) error {
	x := c.input(0)
	if err := c.rank(0, 1, 2); err != nil {
		return err
	}
	c.like(0, x, tensor.String)
	if x.Rank() > 0 && len(c.node.Attrs["stopwords"].Strs) > 0 {
		c.out[0].Dims[x.Rank()-1] = Dim{}
	}
	return nil
}

func inferTfIdf(c *call) error {
	x := c.input(0)
	width := Const(0)
	for _, i := range c.list("ngram_indexes") {
		width = Max(width, Const(i+1))
	}
	if err := c.rank(0, 1, 2); err != nil || x.Rank() < 0 {
		c.dtype(0, tensor.F32)
		return err
	}
	c.set(0, tensor.F32, append(append([]Dim{}, x.Dims[:x.Rank()-1]...), width)...)
	return nil
}

func inferImageDecoder(c *call) error {
	channels := Const(3)
	if c.node.Text("pixel_format", "RGB") == "Grayscale" {
		channels = Const(1)
	}
	c.set(0, tensor.U8, Dim{}, Dim{}, channels)
	return nil
}
