// Package waterfall draws who did what when as lines of text: one lane per function and call, bars over a common time axis.
//
// It draws what it is given and knows nothing of Lambda, shards or terminals beyond a width; internal/cli fills it from a
// coordinator's report. Everything is a pure function of its arguments.
package waterfall
