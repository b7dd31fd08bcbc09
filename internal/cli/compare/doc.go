// Package compare measures how far a model's outputs lie from a reference, batch after batch in bounded memory, and
// judges the distance by the manifest's numeric rule.
//
// It compares tensors only: it reads no files and knows no models. Invariants: NaN equals NaN and nothing else; a
// comparison that has seen no value is no success (see Result.Values); the verdict does not depend on how rows were cut
// into batches. internal/cli uses it for verify and predict --expect.
//
// An Output is not safe for concurrent use.
package compare
