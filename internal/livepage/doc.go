// Package livepage shows a running simulator: its functions and their execution environments, the latest requests as a
// waterfall of scatter, shards and gather, what all of it would have cost, throttles and errors. A Page observes the simulator
// (simulator.Config.Observer) and answers below simulator.PagePath (simulator.Config.Page):
//
//	/_shardwise/            the page: HTML, style and script from embedded files, nothing from elsewhere
//	/_shardwise/events      server-sent events, each what has changed
//	/_shardwise/state.json  everything at once, for programs
//
// It changes nothing in the simulator, and it knows nothing of models beyond the names that it is given.
//
// Invariants: memory is bounded, whatever the load and however many look; an observed call never waits for a reader; a reader
// that is slow gets fewer and larger updates, one that takes nothing is dropped; no text that a function or a client has
// chosen becomes markup.
//
// Files: page.go and observe.go what is known, request.go one request and its picture, document.go and snapshot.go what readers get,
// serve.go HTTP. internal/cli uses it.
package livepage
