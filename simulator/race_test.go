//go:build unix && race

package simulator_test

// raceDetector tells whether the functions of the tests carry its shadow memory.
const raceDetector = true
