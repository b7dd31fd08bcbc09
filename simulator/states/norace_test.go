//go:build !race

package states_test

// raceDetector tells whether the race detector slows these tests down.
const raceDetector = false
