// Package run executes state machines. It knows the states and their data flow, errors, retries and catches, and in which
// order events follow; it knows nothing of the API, of accounts, or of where things are kept.
//
// Every step is a Point, the place of one branch, which a Journal keeps together with the events of the step. An execution
// that was cut off goes on from its points: what had ended is not run again, a task that was under way is. A branch
// belongs to one goroutine, and Run returns only when all goroutines of the execution have ended.
//
// Time is package time's, so that tests run in a bubble of testing/synctest. Only the Step Functions simulator uses it.
package run
