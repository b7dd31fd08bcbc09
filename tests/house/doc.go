// Package house holds the house rules of this repository as tests. Each failure says which line breaks which rule and
// what to do about it.
//
// It is not a linter: formatting, vet and the linter's findings are checked by .ci/run. A rule here is about the shape
// of the repository: which package may import which, how long files and functions may be, what has to be documented,
// where state and environment may be touched, what a test must have. Every rule is itself tested against snippets that
// break it, so that a rule which can no longer fail is noticed.
//
// The package exports nothing and nobody imports it.
package house
