//go:build race

package splitter_test

// raceDetector tells whether this process carries the race detector's shadow memory.
const raceDetector = true
