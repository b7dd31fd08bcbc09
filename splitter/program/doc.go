// Package program makes the shards' programs of a stage: ONNX graphs over parts of the model's weights, and what the
// manifest says of the stage.
//
// A stage is a list of pieces that do not depend on one another. A piece is a region of the graph (package sharding) that is cut over the stage's
// shards, or a segment of whole nodes that one shard runs. What a cut changes in a node besides its weights, such as the sizes that a Reshape names, is
// changed here. The package reads no weights and chooses nothing: the planner does. It is called by splitter/partition.
package program
