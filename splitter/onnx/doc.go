// Package onnx imports ONNX models: it reads the file without loading its weights, cleans the graph up, infers types and
// whether rows are independent (splitter/infer), and hands the result to the partitioner in splitter/plan.
//
// Clean-up means that constants are weights (Constant nodes, what can be computed from constants alone), Identity and
// inference-time Dropout are gone, linear models of ai.onnx.ml are matrix products, and ZipMap, which makes dictionaries of
// probabilities, is taken away, so that the output is the tensor of probabilities. Input and output names stay. Weights with
// the same bytes are one weight. In the bodies of If, Loop and Scan constants become weights of the body; what a node's bodies
// read from outside (graph.Node.Captures) it depends on as on its inputs.
//
// Memory stays under the scanner's window plus the largest tensor, however large the model: weights are read from the
// model's files when they are written to shards.
//
// Every readable file is opened. What no engine covers, and inputs or outputs that are no tensors, are listed by Info and refused
// by Layout, by node and operator. The package never runs a model;
// it runs single operators on constants.
package onnx
