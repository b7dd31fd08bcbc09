// Package network models the way between a client and AWS Lambda: the latency of a call and of its answer, bandwidth,
// and what a cold start costs before the function's own process runs. A Model is data, read from JSON or built in; a
// Trip draws one invocation's delays from it. The package waits for nothing itself: the simulator does.
//
// A latency term is an exponentially modified Gaussian (EMG), the sum of a normal and an exponential variable, whose
// three parameters grow with the number of bytes carried. One round trip is
//
//	call(request bytes) + return(reply bytes) − overlap
//
// with an independent draw for each term. The same seed, function and number of the invocation give the same draws.
package network
