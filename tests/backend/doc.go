// Package backend runs the test cases that ONNX publishes for every runtime: models of one operator or a few, with
// inputs and the outputs that they must give.
//
// The cases are no part of the repository. Debian's libonnx-testdata has those of ONNX 1.12, and prepare.sh makes those
// of the newest onnx package. Where neither is installed the tests are skipped, unless SHARDWISE_REQUIRE_BACKEND=1.
// A case goes the way of a user's model: its file is read, imported, compiled and run. It passes, or it is refused with
// the name of what is not covered. Wrong values and every other error fail the test.
//
// The package exports nothing and nobody imports it.
package backend
