// Package trees partitions tree ensembles: contiguous ranges of trees become shards, balanced by bytes, and one stage over
// all of them becomes the plan. In mode exact shards return leaf values, which are added in tree order in the library's
// own precision; in mode sum each shard adds its own leaves in float64.
//
// It works on a forest.Source, so every tree library's importer can use it. Trees are decoded one at a time, while the files
// are written; nothing of the ensemble but the first pass's facts stays in memory. The package writes no files.
package trees
