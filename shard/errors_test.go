package shard_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda/messages"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/wire"
)

func TestErrorsPageListsEachKindWithMeaningCauseAndRemedy(t *testing.T) {
	page, err := os.ReadFile("../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	for _, k := range shard.Kinds() {
		answer := "no"
		if k.Retryable() {
			answer = "yes"
		}
		row := fmt.Sprintf("| [%s](#%s) | `%s` | %s |", k, strings.ToLower(k.String()), k.Type(), answer)
		if !strings.Contains(text, row) {
			t.Errorf("docs/errors.md lacks the row %s", row)
		}
		_, section, ok := strings.Cut(text, "\n## "+k.String()+"\n")
		if !ok {
			t.Errorf("docs/errors.md lacks a section %s", k)
			continue
		}
		section, _, _ = strings.Cut(section, "\n## ")
		for _, part := range []string{"**Meaning.**", "**Cause.**", "**Remedy.**"} {
			if !strings.Contains(section, part) {
				t.Errorf("section %s of docs/errors.md lacks %s", k, part)
			}
		}
	}
	if rows, want := strings.Count(text, "| `Shard."), len(shard.Kinds()); rows != want {
		t.Errorf("docs/errors.md has %d kinds, the code %d", rows, want)
	}
}

// The numbers of the kinds are a contract between versions: this list may grow at its end only.
func TestKindsAreAppendOnly(t *testing.T) {
	want := "Other BadRequest BadInput Mismatch Corrupt Unsupported Internal Deadline Canceled TooLarge Config NotFound Denied Throttled Transport Crashed Timeout Unavailable Garbled"
	var found []string
	for _, k := range shard.Kinds() {
		found = append(found, k.String())
	}
	if got := strings.Join(found, " "); !strings.HasPrefix(got, want) {
		t.Fatalf("wanted %s..., found %s", want, got)
	}
	if got := strings.Join(shard.ErrorTypes(true), " "); got != "Shard.Throttled Shard.Transport Shard.Crashed Shard.Timeout Shard.Unavailable Shard.Garbled" {
		t.Fatalf("retryable types: %s", got)
	}
}

func TestErrorsSurviveTheWire(t *testing.T) {
	cause := errors.New("disk on fire: \"é\"\n")
	for _, k := range shard.Kinds() {
		for _, e := range []*shard.Error{
			{Op: "infer", Shard: 3, Of: 8, Kind: k, Message: "wanted a, found b", Cause: cause},
			{Op: "stage trees", Shard: 0, Of: 1, Kind: k, Message: "m"},
			{Op: "open", Kind: k, Message: "no shard: here"},
		} {
			wrapped := fmt.Errorf("outer: %w", e)
			if shard.KindOf(wrapped) != k {
				t.Fatalf("kind of %v is %v", wrapped, shard.KindOf(wrapped))
			}
			response, ok := shard.Response(e).(messages.InvokeResponse_Error)
			if !ok {
				t.Fatalf("wanted the type that the runtime looks for, by value; found %T", shard.Response(e))
			}
			body, err := json.Marshal(response)
			if err != nil {
				t.Fatal(err)
			}
			got := shard.ParseFunctionError(body)
			if got.Kind != k || got.Op != e.Op || got.Shard != e.Shard || got.Of != e.Of || got.Error() != e.Error() {
				t.Fatalf("wanted %v, found %v", e, got)
			}
		}
	}
	if shard.Response(nil) != nil {
		t.Fatal("no error became one")
	}
}

func TestParseFunctionErrorKnowsTheServiceBodies(t *testing.T) {
	for _, c := range []struct {
		body string
		kind shard.Kind
		text string
	}{
		{`{"errorType":"Runtime.ExitError","errorMessage":"RequestId: x Error: Runtime exited without providing a reason"}`, shard.Crashed, "without providing a reason"},
		{`{"errorType":"Runtime.ExitError","errorMessage":"RequestId: x Error: Runtime exited with error: exit status 127"}`, shard.Crashed, "exit status 127"},
		{`{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: x Error: Task timed out after 1.00 seconds"}`, shard.Timeout, "timed out after 1.00"},
		{`{"errorMessage":"2025-01-01T00:00:00.000Z x Task timed out after 1.00 seconds"}`, shard.Timeout, "timed out after 1.00"},
		{`{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}`, shard.TooLarge, "6291556"},
		{`{"errorMessage":"boom","errorType":"errorString"}`, shard.Other, "errorString boom"},
		{`{"errorMessage":"boom","errorType":"Shard.Unheard"}`, shard.Other, "Shard.Unheard boom"},
		{`not json`, shard.Other, `"not json"`},
		{`null`, shard.Other, "no error object"},
		{``, shard.Other, "no error object"},
		{`{"errorMessage":5}`, shard.Other, "no error object"},
		{`{"errorMessage":"` + strings.Repeat("x", 1<<20) + `","errorType":"Shard.Other"}`, shard.Other, "xxx..."},
	} {
		got := shard.ParseFunctionError([]byte(c.body))
		if got.Kind != c.kind || !strings.Contains(got.Error(), c.text) || len(got.Error()) > 1<<14 {
			t.Errorf("%.80s: found kind %v, %.200v", c.body, got.Kind, got)
		}
	}
}

func TestKindOfClassifiesWhatWorkMayReport(t *testing.T) {
	for _, c := range []struct {
		err  error
		want shard.Kind
	}{
		{&wire.MismatchError{}, shard.Mismatch}, {&wire.TooLargeError{}, shard.TooLarge}, {&wire.UnsupportedError{}, shard.Unsupported},
		{&wire.ChecksumError{}, shard.Garbled}, {&wire.FormatError{Err: errors.New("x")}, shard.BadRequest}, {&engine.InputError{}, shard.BadInput},
		{&engine.UnsupportedError{}, shard.Unsupported}, {context.DeadlineExceeded, shard.Deadline}, {context.Canceled, shard.Canceled},
		{errors.New("x"), shard.Other},
	} {
		if got := shard.KindOf(fmt.Errorf("deep: %w", c.err)); got != c.want {
			t.Errorf("%T: wanted %v, found %v", c.err, c.want, got)
		}
	}
}

func FuzzParseFunctionError(f *testing.F) {
	f.Add([]byte(`{"errorType":"Shard.Other","errorMessage":"a: shard 1/2: b"}`))
	f.Add([]byte(`{"errorType":"Shard.Other","errorMessage":"a: shard 2/2: b"}`))
	f.Add([]byte(`{"errorMessage":"Task timed out after "}`))
	f.Add([]byte(`{"errorType":"Shard.Other","errorMessage":": "}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		e := shard.ParseFunctionError(body)
		if e == nil || e.Of < 0 || e.Of > 0 && (e.Shard < 0 || e.Shard >= e.Of) || e.Error() == "" {
			t.Fatalf("%q: %+v", body, e)
		}
	})
}
