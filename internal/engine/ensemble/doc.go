// Package ensemble reads the tree ensembles of ONNX's domain ai.onnx.ml, in both of their forms, and walks them.
//
// Read takes the nodes of TreeEnsembleRegressor and TreeEnsembleClassifier (lists by tree and node id), ReadTensors those of
// TreeEnsemble of version 5 (tensors by index). Both check everything once: afterwards every walk ends at a leaf. Ensembles
// whose tests are comparisons of F32 are packed for the walker of package forest; tests of equality and membership, and
// inputs in F64, take a plain walk.
//
// Scores are added in float64 in the order of the trees. What becomes of them (labels, transforms) is the caller's matter,
// package classic. The package knows no graph.
package ensemble
