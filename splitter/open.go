package splitter

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/shardwise/shardwise/splitter/ensemble"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/splitter/onnx"
	"github.com/shardwise/shardwise/splitter/recommender"
	"github.com/shardwise/shardwise/splitter/trees"
	"github.com/shardwise/shardwise/splitter/xgboost"
)

// sniffBytes is how much of a file's beginning decides its format.
const sniffBytes = 64

// Open recognises the model file by its content and opens it. The caller closes the model. A file of a format that
// cannot be read is a *layout.RefusalError that names the format and says how to convert it.
func Open(path string) (layout.Model, error) {
	head, err := readHead(path)
	if err != nil {
		return nil, err
	}
	if isEnsemble(head) {
		return ensemble.Open(path, openOne)
	}
	return openOne(path)
}

// Members lists the paths of the other model files that the model file at path names; only a description of an ensemble names any.
func Members(path string) ([]string, error) {
	head, err := readHead(path)
	if err != nil || !isEnsemble(head) {
		return nil, err
	}
	return ensemble.Members(path)
}

func isEnsemble(head []byte) bool {
	return describes(head, ensemble.Format)
}

// describes reports whether the beginning is that of a description of the format, whatever its version: what reads the description refuses other versions.
func describes(head []byte, format string) bool {
	name, _, _ := strings.Cut(format, "/")
	return looksLikeJSON(head) && bytes.Contains(head, []byte(`"`+name+"/"))
}

// openOne is Open for anything but an ensemble: the members of one are no ensembles themselves, so that none is its own member.
func openOne(path string) (layout.Model, error) {
	head, err := readHead(path)
	if err != nil {
		return nil, err
	}
	switch {
	case isEnsemble(head):
		return nil, &layout.RefusalError{Subject: filepath.Base(path), Reason: "is an ensemble, and a member of one is a single model", Remedy: "name the inner ensemble's members"}
	case looksLikeONNX(path, head):
		return onnx.Open(path)
	case describes(head, recommender.Format):
		return recommender.Open(path)
	case bytes.HasPrefix(head, []byte("{L")), looksLikeJSON(head):
		src, err := xgboost.Open(path)
		if err != nil {
			return nil, formatless(path, head, err)
		}
		return trees.NewModel(src), nil
	}
	return nil, refuseFormat(path, head)
}

// formatless is the refusal of a description without its format, which was taken for a model: err, of anything else.
func formatless(path string, head []byte, err error) error {
	for _, d := range []struct{ format, key string }{{ensemble.Format, "combine"}, {ensemble.Format, "members"}, {recommender.Format, "tables"}} {
		if looksLikeJSON(head) && bytes.Contains(head, []byte(`"`+d.key+`"`)) {
			return &layout.RefusalError{Subject: filepath.Base(path), Reason: fmt.Sprintf("has %q as a description does and no \"format\": %q in front", d.key, d.format),
				Remedy: "let it begin with that member (docs/plans.md)"}
		}
	}
	return err
}

func readHead(path string) ([]byte, error) {
	info, err := os.Stat(path) // before it is opened: opening a pipe waits for a writer
	if err != nil {
		return nil, fmt.Errorf("open model: %w", err)
	}
	switch {
	case info.IsDir():
		return nil, &layout.RefusalError{Subject: path, Reason: "is a directory, a model file was wanted",
			Remedy: "name the model file; a directory that split wrote needs no second split"}
	case !info.Mode().IsRegular():
		return nil, &layout.RefusalError{Subject: path, Reason: "is a pipe or a device, a model file was wanted", Remedy: "copy it into a file: models are read at many offsets"}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open model: %w", err)
	}
	defer f.Close()
	head := make([]byte, sniffBytes)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read model: %w", err)
	}
	if n == 0 {
		return nil, &layout.RefusalError{Subject: path, Reason: "is empty", Remedy: "save the model again"}
	}
	return head[:n], nil
}

func looksLikeJSON(head []byte) bool {
	rest := bytes.TrimLeft(head, " \t\r\n")
	if len(rest) == 0 || rest[0] != '{' {
		return false
	}
	rest = bytes.TrimLeft(rest[1:], " \t\r\n")
	return len(rest) == 0 || rest[0] == '"' || rest[0] == '}'
}

// looksLikeONNX goes by the file name and by the first field of a ModelProto: ir_version, number 1, a varint.
func looksLikeONNX(path string, head []byte) bool {
	return strings.EqualFold(filepath.Ext(path), ".onnx") || len(head) > 2 && head[0] == 0x08 && head[1] > 0 && head[1] < 0x40 && head[2] == 0x12
}

// foreign are formats that people have and that are refused by name: how the file begins, and what to do.
func foreign() []struct{ prefix, format, remedy string } {
	return []struct{ prefix, format, remedy string }{
		{"tree\n", "a LightGBM text model", "convert it to ONNX, where the trees stay whole on a shard and --plan rows spreads the rows; or train with XGBoost and save as JSON, which is cut by trees"},
		{"tree\r\n", "a LightGBM text model", "convert it to ONNX, where the trees stay whole on a shard and --plan rows spreads the rows; or train with XGBoost and save as JSON, which is cut by trees"},
		{"\x80\x02", "a Python pickle", "load it in Python and save it as ONNX, or as XGBoost JSON with save_model(\"model.json\")"},
		{"\x80\x03", "a Python pickle", "load it in Python and save it as ONNX, or as XGBoost JSON with save_model(\"model.json\")"},
		{"\x80\x04", "a Python pickle", "load it in Python and save it as ONNX, or as XGBoost JSON with save_model(\"model.json\")"},
		{"\x80\x05", "a Python pickle", "load it in Python and save it as ONNX, or as XGBoost JSON with save_model(\"model.json\")"},
		{"PK\x03\x04", "a zip file (a PyTorch checkpoint, a Keras model or an Office file)", "export the model to ONNX, with torch.onnx.export or tf2onnx"},
		{"\x89HDF", "an HDF5 file (Keras)", "convert the model to ONNX with tf2onnx"},
		{"binf", "an XGBoost binary model", "load it in XGBoost and save it with save_model(\"model.json\")"},
		{"bs64", "an XGBoost binary model", "load it in XGBoost and save it with save_model(\"model.json\")"},
		{"CONFIG-offset:", "an XGBoost memory snapshot", "load it in XGBoost and save it with save_model(\"model.json\")"},
	}
}

func refuseFormat(path string, head []byte) error {
	name := filepath.Base(path)
	for _, f := range foreign() {
		if bytes.HasPrefix(head, []byte(f.prefix)) {
			return &layout.RefusalError{Subject: name, Reason: "is " + f.format + ", which is not read", Remedy: f.remedy}
		}
	}
	if len(head) >= 8 && string(head[4:8]) == "TFL3" {
		return &layout.RefusalError{Subject: name, Reason: "is a TensorFlow Lite model, which is not read", Remedy: "convert it to ONNX with tf2onnx --tflite"}
	}
	return &layout.RefusalError{Subject: name, Reason: fmt.Sprintf("is of no known format (it begins with %q)", head[:min(len(head), 16)]),
		Remedy: "give an XGBoost model saved as JSON or UBJSON, or an ONNX file"}
}
