// Package asl reads state machine definitions in the Amazon States Language, with JSONPath as the query language.
//
// Parse finds every fault that can be found without running: what AWS refuses when a machine is created, in AWS's words
// where they are known, and what this simulator does not run, by name. A machine that passes is complete: every path,
// template, rule and target in it is compiled. It is not changed afterwards and may be shared.
//
// Package run executes machines; only the packages of the Step Functions simulator use this one.
package asl
