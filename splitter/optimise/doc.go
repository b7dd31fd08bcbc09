// Package optimise rewrites a model's graph, before it is cut, into one that computes the same with fewer nodes and with
// constant shapes.
//
// A pass goes over the nodes once, in topological order, and knows every value's type (package infer), producer and
// readers. The passes run in a fixed order, again and again until none changes anything, so that the result depends on the
// graph alone:
//
//   - tidy: nodes that hand their input on (also Transpose, Slice, Expand, Concat of one), chains of Transpose and Reshape;
//   - merge: nodes that compute what another one computes already;
//   - shapes: shapes, bounds and sizes that the model computes become constants where they follow from the types;
//   - fold: BatchNormalization and additions and products with constants go into the Conv, ConvTranspose or Gemm before
//     them, and a MatMul with its bias becomes a Gemm;
//   - norms and gelus: LayerNormalization and Gelu are recognised in the operators that exporters write them with.
//     Where the model's operator set is too old for them, all nodes are raised to a newer one, or all stay;
//   - bags: EmbeddingBag in the Loop that PyTorch exports it as becomes shardwise.EmbeddingBag. No other engine has that
//     operator, so it is a function of its own (Bags).
//
// Values keep their bits where no arithmetic changes; folds and recognised operators round elsewhere. A pass never loads a
// large weight: what it makes of one is computed when it is read (Weights.Derive).
//
// The package knows no files and no shards. Importers call it.
package optimise
