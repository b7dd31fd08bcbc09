package shard

import (
	"encoding/json"
	"strconv"
	"strings"
)

// maxErrorText bounds how much of a function's error message is kept: AWS bounds the body only by the reply limit.
const maxErrorText = 8 << 10

// ParseFunctionError reads the body of an invocation that ended in a function error (the service's own bodies or those
// that Response makes) into an *Error whose Op, shard and message are as far as the text tells. It never fails: a body
// that is not understood becomes kind Other with its beginning as the message.
func ParseFunctionError(body []byte) *Error {
	var b struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}
	if err := json.Unmarshal(body, &b); err != nil || b.Type == "" && b.Message == "" {
		return &Error{Op: "invoke", Kind: Other, Message: "the function failed with a body that is no error object: " + strconv.Quote(clip(string(body), 200))}
	}
	b.Message = clip(b.Message, maxErrorText)
	if name, ok := strings.CutPrefix(b.Type, TypePrefix); ok {
		if k, known := parseKind(name); known {
			return parseText(k, b.Message)
		}
	}
	kind, remedy := serviceError(b.Type, b.Message)
	text := strings.TrimSpace(b.Type + " " + strings.TrimSpace(b.Message))
	return &Error{Op: "invoke", Kind: kind, Message: text + remedy}
}

// serviceError classifies the errors that Lambda itself reports for a function, and those of foreign handlers.
func serviceError(typ, message string) (kind Kind, remedy string) {
	switch typ {
	case "Runtime.ExitError", "Extension.Crash", "Runtime.Unknown":
		return Crashed, ""
	case "Sandbox.Timedout":
		return Timeout, "; give the function more time or smaller blocks"
	case "Function.ResponseSizeTooLarge":
		return TooLarge, "; send fewer rows per request"
	case "Runtime.InvalidEntrypoint", "Runtime.InvalidWorkingDir", "Runtime.InvalidTaskConfig":
		return Config, "; check the deployed package"
	case "":
		// Before November 2025 a timeout had no errorType.
		if strings.Contains(message, "Task timed out after ") {
			return Timeout, "; give the function more time or smaller blocks"
		}
	}
	return Other, ""
}

// parseText takes apart what Error.Error wrote.
func parseText(kind Kind, text string) *Error {
	op, rest, ok := strings.Cut(text, ": ")
	if !ok || op == "" || rest == "" {
		if text = strings.Trim(text, ": "); text == "" {
			text = "the function failed without a message"
		}
		return &Error{Op: "invoke", Kind: kind, Message: text}
	}
	e := &Error{Op: op, Kind: kind, Message: rest}
	head, tail, _ := strings.Cut(rest, ": ")
	if pair, ok := strings.CutPrefix(head, "shard "); ok {
		left, right, _ := strings.Cut(pair, "/")
		i, err1 := strconv.Atoi(left)
		n, err2 := strconv.Atoi(right)
		if err1 == nil && err2 == nil && 0 <= i && i < n {
			e.Shard, e.Of, e.Message = i, n, tail
		}
	}
	return e
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "..."
}
