// Package xgboost reads XGBoost models saved as JSON or UBJSON and yields them as a forest.Source.
//
// Open reads the file once from front to back, however large it is, keeping per tree only what a partitioner needs (where the
// tree stands, its size, the tests it makes, the bounds of its leaves); Tree then reads one tree's bytes again. Both formats
// become the same stream of tokens, so the document is understood in one place.
//
// The file is not trusted: sizes are checked against what is left of the file before anything is allocated, nesting is bounded,
// and a tree is handed out only when its nodes form one tree over existing features. What is wrong is a
// *FormatError that names the field and the byte; what is well-formed but cannot be served (gblinear, binary models)
// is a *layout.RefusalError with a remedy. The package knows nothing of shards.
package xgboost
