// Package forest is the tree ensemble as importers deliver it (one tree at a time, so that a model need not fit in
// memory) and as shards hold it (a packed layout that is mapped and walked in place).
//
// Importers (splitter/xgboost ...) implement Source; the tree partitioner writes the packed layout from it; the engine's
// TreeEnsemble operator reads that layout. The decision rules of the libraries differ, so a node carries its own.
package forest
