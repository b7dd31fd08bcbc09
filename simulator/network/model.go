package network

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
)

// Model is a fitted model of the network. Its zero value delays nothing. It is read-only in use and may be shared.
type Model struct {
	Name   string `json:"name"`   // what it is called in messages
	Source string `json:"source"` // where its numbers come from

	// UnitBytes is how many bytes make one unit of a line's slope; 1 if zero.
	UnitBytes float64 `json:"unit_bytes,omitempty"`

	Call   Term `json:"call"`   // carries the request
	Return Term `json:"return"` // carries the reply
	// Overlap is taken off the sum of both: where call and return were each fitted to whole round trips, one empty
	// round trip is counted twice.
	Overlap Term `json:"overlap"`
	// ColdStart comes before the INIT of a new environment; it carries the files of the function.
	ColdStart Term `json:"cold_start"`

	// Bandwidth that the lines do not hold already, in bytes a second; 0 for no limit.
	RequestRate float64 `json:"request_bytes_per_second,omitempty"`
	ReplyRate   float64 `json:"reply_bytes_per_second,omitempty"`
}

// Term is an EMG variable in milliseconds: Location + Scale·(N + Shape·E), with N normal of mean 0 and variance 1 and E
// exponential of mean 1. Its mean is Location + Shape·Scale. The zero Term is always 0.
type Term struct {
	Shape    Line `json:"shape"` // K
	Location Line `json:"loc"`
	Scale    Line `json:"scale"`
}

// Line is a parameter that grows with what is carried: Line[0] + Line[1]·x, x in the model's units. A JSON list of one number is
// a constant.
type Line [2]float64

// UnmarshalJSON reads a number, [constant] or [constant, slope].
func (l *Line) UnmarshalJSON(p []byte) error {
	var list []float64
	if json.Unmarshal(p, &list) != nil {
		list = make([]float64, 1)
		if json.Unmarshal(p, &list[0]) != nil {
			list = nil
		}
	}
	if len(list) == 0 || len(list) > len(l) {
		// An error of this type is the one that encoding/json completes with the name of the field.
		return &json.UnmarshalTypeError{Value: string(p), Type: reflect.TypeFor[Line]()}
	}
	*l = Line{}
	copy(l[:], list)
	return nil
}

func (l Line) at(x float64) float64 { return l[0] + l[1]*x }

// mean is the term's mean in milliseconds.
func (t Term) mean(x float64) float64 { return t.Location.at(x) + t.Shape.at(x)*t.Scale.at(x) }

// BuiltIn returns the models that have a name.
func BuiltIn() []*Model { return []*Model{Gillis()} }

// Gillis returns the latency model of Gillis for AWS Lambda, as its public code fits it. Its unit is not stated there;
// bytes are what the slopes fit (13.5 MB/s out, 17.9 MB/s back). It has no term for cold starts: the one here is the time to load
// the function's files at the 54 MB/s of one stream that others measured.
func Gillis() *Model {
	empty := Term{Shape: Line{2.7652}, Location: Line{28.8326}, Scale: Line{0.99658}}
	return &Model{
		Name: "gillis",
		Source: "Yu et al., Gillis: Serving Large Neural Networks in Serverless Functions with Automatic Model Partitioning, ICDCS 2021; " +
			"github.com/MincYu/gillis-open-source at 2244da4; cold start: files at 54 MB/s",
		UnitBytes: 1,
		Call:      Term{Shape: Line{2.7652, 6.63e-7}, Location: Line{28.8326, 7.41e-5}, Scale: Line{0.99658, 2.17e-6}},
		Return:    Term{Shape: Line{2.7652, -6.4e-9}, Location: Line{28.8326, 5.59e-5}, Scale: Line{0.99658, 1.05e-6}},
		Overlap:   empty,
		ColdStart: Term{Location: Line{0, 1000 / 54e6}},
	}
}

// maxModel bounds a model file.
const maxModel = 1 << 20

// Load returns the built-in model of that name, or reads the JSON file of that path.
func Load(nameOrFile string) (*Model, error) {
	var names []string
	for _, m := range BuiltIn() {
		if m.Name == nameOrFile {
			return m, nil
		}
		names = append(names, m.Name)
	}
	f, err := os.Open(nameOrFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("network model %q: want %s or a JSON file; there is neither a built-in model nor a file of that name",
			nameOrFile, strings.Join(names, ", "))
	}
	if err != nil {
		return nil, fmt.Errorf("read network model: %w", err)
	}
	m, err := Read(io.LimitReader(f, maxModel))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("network model %s: %w", nameOrFile, err)
	}
	return m, nil
}

// Read decodes a model from JSON and validates it. An unknown field is an error, and so is a model that delays nothing.
func Read(r io.Reader) (*Model, error) {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	var m Model
	if err := d.Decode(&m); err != nil {
		if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) && wrong.Field != "" {
			return nil, fmt.Errorf("%s: want %s, found %s", wrong.Field, form(wrong), wrong.Value)
		}
		return nil, fmt.Errorf("want one JSON object with the fields name, source, unit_bytes, call, return, overlap, cold_start, "+
			"request_bytes_per_second and reply_bytes_per_second: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("want one JSON object, found more behind it")
	}
	if err := m.Validate(); err != nil {
		return nil, err
	}
	if !m.delays() {
		return nil, errors.New("the model delays nothing: want a loc or scale above 0 in call, return or cold_start, or one of " +
			"request_bytes_per_second and reply_bytes_per_second; for a network without delay ask for no model")
	}
	return &m, nil
}

// form words what a field of another type should be.
func form(wrong *json.UnmarshalTypeError) string {
	switch wrong.Type {
	case reflect.TypeFor[Line]():
		return "a number or [constant, slope]"
	case reflect.TypeFor[Term]():
		return "an object with shape, loc and scale"
	case reflect.TypeFor[float64]():
		return "a number"
	}
	return "a text"
}
