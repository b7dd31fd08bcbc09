// Package waterfall tells who did what when: one Chart, drawn as lines of text for a terminal, as one HTML file, or written in
// the Chrome trace event format. The script and the style that draw a Chart in a browser are there for the live page as well.
//
// It draws what it is given and knows nothing of Lambda or shards; internal/cli fills it from the coordinators' reports,
// internal/livepage from what the simulator observes. Everything is a pure function of its arguments.
package waterfall
