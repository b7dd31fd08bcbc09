// Package dataset reads model inputs and writes model outputs as streams of row batches, in the formats that people
// have: CSV, JSON Lines, JSON, npy, npz and safetensors.
//
// Text formats match columns to feature names. A name that is unknown, missing or there twice is an error, because silently
// misordered columns give wrong numbers that look right; Options.ByPosition overrides. Array formats hold one array for
// each input or output, by its name; npy holds the only one.
//
// A number in a text is parsed to float64 and then rounded to the input's dtype. That is what pandas and NumPy do before
// a model library sees the data; parsing decimal text straight to float32 differs in rare cases, by the double rounding.
//
// In CSV an empty field, in JSON null, and in both NaN stand for a missing value, where the input allows it; elsewhere NaN is
// a number. An empty field of a string input is the empty string. Line breaks within quoted CSV fields are read as \n.
//
// Memory is bounded by the batch, whatever the number of rows, but for these, which are held whole: JSON objects of
// arrays, Fortran-ordered arrays inside npz, string tensors in safetensors. Batches never change values.
//
// The package knows the manifest's signature, and nothing of shards or requests. Nothing in it is safe for concurrent use.
package dataset
