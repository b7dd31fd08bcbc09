package jsondoc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"
)

// Decode decodes the one JSON value that data holds into the struct that into points to. Absent members keep what they have, and null changes nothing, as
// in encoding/json. Text that is no JSON, members that the struct does not have or that stand twice, and values of the wrong kind are errors; of the last three
// all are told at once, up to maxFaults. After an error into has no defined value.
func Decode(data []byte, into any) error {
	if err := Check(data, into); err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}

// Check reports what Decode would refuse, and decodes nothing.
func Check(data []byte, into any) error {
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		return syntax(data, err)
	}
	w := &walker{d: json.NewDecoder(bytes.NewReader(data))}
	w.d.UseNumber()
	if err := w.value("", reflect.TypeOf(into)); err != nil {
		return err
	}
	return errors.Join(w.faults...)
}

// syntax tells where the text stops being JSON.
func syntax(data []byte, err error) error {
	var s *json.SyntaxError
	if !errors.As(err, &s) {
		return err
	}
	at := int(s.Offset) - 1
	if len(bytes.TrimSpace(data)) == 0 {
		return errors.New("there is no JSON in it: it is empty")
	}
	if at < 0 || at >= len(data) || strings.HasPrefix(s.Error(), "unexpected end") {
		return fmt.Errorf("%s: the JSON text ends in the middle of a value", position(data, len(data)))
	}
	if strings.HasSuffix(s.Error(), "after top-level value") {
		return fmt.Errorf("%s: something stands behind the end of the JSON text", position(data, at))
	}
	r, _ := utf8.DecodeRune(data[at:])
	found := fmt.Sprintf("found %q", r)
	if before := bytes.TrimSpace(data[:at]); len(before) > 0 {
		last, _ := utf8.DecodeLastRune(before)
		found += fmt.Sprintf(" behind %q", last)
	}
	return fmt.Errorf("%s: it is no JSON there: %s", position(data, at), found)
}

// position is a byte's place as editors count it, from 1.
func position(data []byte, at int) string {
	line := bytes.LastIndexByte(data[:at], '\n') + 1
	return fmt.Sprintf("line %d, column %d", 1+bytes.Count(data[:at], []byte("\n")), 1+utf8.RuneCount(data[line:at]))
}
