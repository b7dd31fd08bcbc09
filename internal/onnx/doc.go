// Package onnx reads and writes ONNX files: the protobuf wire form of a ModelProto on one side, graph.Graph on the other.
//
// It is built on protowire alone, without generated code, so that a cold shard starts quickly. Encode is deterministic.
// Decode reads a small program file that is in memory; Scan reads a file of any size in constant memory: it keeps where
// weights lie instead of loading them. Both take hostile input: every length is checked against what encloses it before
// anything is allocated, recursion is bounded, and faults are *FormatError with the byte offset.
//
// What the scanner gives has no functions and no hidden names: calls of the file's own functions are replaced by copies of
// their nodes, and no body defines a name that is used anywhere else. Sparse tensors are read as if they were dense
// (SparseReader); element types without a dtype are carried, not read.
//
// The package knows the container only. What operators mean, which weights are constant and what can be split is for
// splitter/onnx and internal/engine. Shards, the coordinator and the splitter may call it.
package onnx
