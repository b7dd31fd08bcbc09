// Package opspeed times every operator of the native engine on one node of middle size, beside ONNX Runtime in the same
// run, to find those that are out of proportion.
//
// Its list names every operator of the engine: with a node to time, or with the reason why there is none. The test that it
// is complete, and that all its nodes run, belongs to the usual tests. The times need ONNX Runtime (build tag onnxruntime):
// make bench-operators measures them and writes docs/operators-speed.md.
//
// The package exports nothing and nobody imports it.
package opspeed
