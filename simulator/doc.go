//go:build unix

// Package simulator is AWS Lambda on localhost: the Invoke API for any AWS SDK,
// the AWS CLI and boto3, and behind it one operating system process for each
// execution environment, served by a Runtime API of its own. A program that runs
// here as a bootstrap runs on Lambda unchanged.
//
//	sim, err := simulator.Start(ctx, simulator.Config{Functions: []simulator.Function{{Name: "echo", Command: []string{"/path/bootstrap"}}}})
//	client := lambda.New(lambda.Options{Region: simulator.DefaultRegion, BaseEndpoint: aws.String(sim.Endpoint()), Credentials: ...})
//	defer sim.Close()
//
// It is not a sandbox in the sense of security: functions run with the rights of
// the caller. It is not a model of Lambda's speed either: no CPU share, and
// latency only from a model when asked. docs/simulator.md lists what it enforces and what it leaves out.
//
// Invariants:
//   - an environment serves one invocation at a time, and the most recently used
//     idle one is used first;
//   - every process dies with the simulator, even if that is killed with SIGKILL
//     and the process is stopped;
//   - what Lambda refuses is refused here with Lambda's own status, headers and
//     body, and nothing is accepted and then ignored;
//   - nothing listens beyond loopback unless an address is given.
//
// The package imports no other room of Shardwise and reads no environment
// variable; any test may import it.
package simulator
