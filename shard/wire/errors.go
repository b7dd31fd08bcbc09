package wire

import "fmt"

// MismatchError says that a request or reply is not the one expected: Field differs.
type MismatchError struct {
	Field string
	Want  string
	Found string
}

// Error names the field, what was wanted and what was found.
func (e *MismatchError) Error() string {
	return fmt.Sprintf("%s: wanted %q, found %q", e.Field, e.Want, e.Found)
}

// TooLargeError says that an encoded payload exceeds what Lambda carries.
type TooLargeError struct {
	What  string // "request" or "reply"
	Bytes int
	Limit int
}

// Error gives both sizes and what to do.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("%s of %d bytes exceeds lambda's limit of %d; send fewer rows per request, or give the deployment a store", e.What, e.Bytes, e.Limit)
}

// FormatError says that a payload is not what this package's documentation describes.
type FormatError struct {
	What string // "request" or "reply"
	Err  error
}

// Error names the payload and the fault in it.
func (e *FormatError) Error() string { return "malformed " + e.What + ": " + e.Err.Error() }

// Unwrap is the fault.
func (e *FormatError) Unwrap() error { return e.Err }

// UnsupportedError says that a well-formed payload asks for something that this version does not do.
type UnsupportedError struct {
	Feature string
	Remedy  string
}

// Error names the feature and what to do.
func (e *UnsupportedError) Error() string { return e.Feature + " is not supported; " + e.Remedy }
