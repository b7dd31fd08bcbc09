// Package batch is the client's side of batches: it makes the state machine, starts executions, follows them, stops and
// redrives them.
//
// A batch is a job (statemachine.Job) under one prefix of the store; executions come and go. What is missing is told by the
// store alone, so that a batch goes on after whatever ended its last execution. Package statemachine/tasks has the functions'
// side. A Client is safe for concurrent use.
package batch
