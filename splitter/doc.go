// Package splitter cuts a model file into a model directory: shard files, manifest.json and deployment.json.
//
// Open recognises the file and hands it to its importer; the importer's partitioner yields a layout; Split writes the
// layout into a staging directory beside the target, hashes what it writes, and renames the staging directory at the
// end, so that a failed split leaves nothing. The same input and options give byte-identical files.
//
// The package streams: it holds no more than one tree or tensor of the model. It never runs a model and knows neither
// coordinator nor shards at work.
package splitter
