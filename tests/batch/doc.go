// Package batch_test runs whole batches: the command line, the simulator and every function in processes of their own, over
// tables of very many rows, with faults, and with simulators that are killed. SHARDWISE_LONG=1 takes a million rows where the
// usual tests take fewer; `make batch` does that.
package batch_test
