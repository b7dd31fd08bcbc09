//go:build unix

package simulator_test

func byHand() {}

func runSimulatorUntilKilled() {}
