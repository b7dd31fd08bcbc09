// Package manifest is the one contract between the splitter and everything that runs: the types of manifest.json and
// deployment.json, their canonical form, fingerprint, validation and JSON Schema.
//
// A manifest says what a sharded model is: signature, shards with their files and programs, and the ordered plan of
// steps over named values. It holds nothing about a deployment; function names, memory and concurrency stand in
// deployment.json. Whoever holds a *Manifest that Read returned may treat it as valid and must not change it.
//
// The package imports only internal/tensor (for dtypes).
package manifest
