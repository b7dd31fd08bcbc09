// Package faults decides which invocations of a simulated function are disturbed, and how: a Plan is a list of rules, read
// from JSON, and an Injector applies it and counts. The package disturbs nothing itself; the simulator does what it says.
//
// A rule names a fault and the functions that it strikes, and picks among their invocations by number and probability.
// Numbers count each function's invocations for themselves, from 1, so that a scatter over many functions is disturbed
// alike whatever order its calls arrive in. Every rule counts every invocation of its functions; the first rule that
// picks an invocation decides, and no invocation suffers two faults. Under one seed the n-th invocation of a function
// always meets the same fate, unless a rule's count over all functions has run out.
package faults
