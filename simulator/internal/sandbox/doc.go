//go:build unix

// Package sandbox runs one execution environment of AWS Lambda: one operating
// system process at a time that takes its work from a Runtime API of its own on
// loopback, a scratch directory that outlives the process, and the process's
// log. It is neither the Invoke API nor a scheduler: it knows no other
// environment, no alias, no account and no limit on concurrency.
//
// Invariants:
//   - one invocation at a time; Invoke is not to be called concurrently;
//   - an invocation is complete only when the runtime asks for the next one;
//   - after a crash or a timeout the process is replaced inside the next
//     invocation, the scratch directory stays;
//   - each process has a Runtime API of its own, so that a process which was
//     given up can never answer for its successor;
//   - no process and no goroutine of an environment outlives its Close.
//
// Files: environment.go the life of an environment, instance.go one process,
// runtimeapi.go and extension.go what it is served, logs.go and report.go what
// is written down. Only the simulator uses this package.
package sandbox
