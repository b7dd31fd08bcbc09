// Package forest is the tree ensemble as importers deliver it (one tree at a time, so that a model need not fit in
// memory) and as shards hold it (a packed layout that is mapped and walked in place).
//
// Importers (splitter/xgboost ...) implement Source; the tree partitioner writes the packed layout with a Plan; the
// engine's TreeEnsemble operator opens it as a Forest and walks it.
//
// The packed layout. A tree is an array of nodes in breadth-first order, root first; the two children of a node stand
// side by side, the right one first. A node is one 64-bit word: a threshold in the low half; a slot (12 bits) and the
// index of the right child within the tree (20 bits) in the high half. Where that is too narrow a node has two words
// (threshold and slot, child). A slot is a column of keys that the walker computes from a row beforehand: one per
// (feature, kind of test, side of a missing value) that occurs. Keys are integers in the order of the floats they
// stand for, and a missing value has become the key that goes to its side, so a numeric test is one integer comparison
// and a step has no branch. Slot 0 holds the greatest key: a leaf tests it and points to itself, so that walking on from a leaf stays
// there, and the rest of its word is free for the leaf's value.
//
// The package trusts nothing that it maps: OpenPacked checks every index before anything is walked. It knows the rules of
// tree libraries, but no model format, no graph and no shard.
package forest
