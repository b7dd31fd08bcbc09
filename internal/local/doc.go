// Package local runs a model directory on this computer: a simulator with one function for the coordinator and one for
// each shard, exactly as deployment.json names them, and a client that asks the coordinator.
//
// It is no mode of its own: the functions are processes of the real bootstrap behind AWS's own protocol, and the client
// is the one that the coordinator itself uses. It neither splits nor reads data files.
//
// Invariants: Close ends every process; the order of rows is kept, whatever the order of the answers; a chunk's size
// never changes a bit of a row. internal/cli uses it; nothing below may.
package local
