// Package states is AWS Step Functions on localhost: the API of state machines, executions and Map Runs for any AWS SDK,
// the AWS CLI and boto3, and an interpreter of the Amazon States Language in JSONPath.
//
//	machines, err := states.New(states.Config{Dir: dir, Lambda: states.Endpoint(sim.Endpoint()), Objects: objects})
//	http.Handle("/", machines)
//	defer machines.Close()
//
// It is not a model of AWS's speed, roles or prices. docs/simulator.md lists what it enforces and what it leaves out.
//
// Invariants:
//   - what is not run is refused when a machine is created, by name and with its place;
//   - a process that dies at any moment loses no execution: after a restart from the same directory each goes on where it
//     was, with tasks that were under way run again;
//   - an item of a Map Run has one result, however often its child was run;
//   - what AWS limits is limited here: 256 KiB at each border, 25,000 events, 10,000 children at once.
//
// The package imports nothing of Shardwise and reads no environment variable; package simulator routes requests to it.
package states
