package statemachine

import "github.com/shardwise/shardwise/shard"

// Errors that Step Functions and Lambda themselves report and that another attempt may mend.
//
// "Lambda.*Exception" are AWS's own advice for every invocation; the others are a function's process that broke or ran out
// of time, under their names of today and of before November 2025, and a state's own time limit.
func transient() []string {
	return []string{
		"Lambda.ClientExecutionTimeoutException", "Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException",
		"Lambda.Unknown", "Sandbox.Timedout", "Runtime.ExitError", "Extension.Crash", "Runtime.Unknown", "States.Timeout",
	}
}

// throttled are the refusals for load.
func throttled() []string { return []string{"Lambda.TooManyRequestsException"} }

const jitterFull = "FULL"

// retriers repeat every task of a batch: the typed errors that docs/errors.md calls retryable, and AWS's own. A
// function's verdict on its input is never repeated. There is no catcher: a child that caught its error would end there, and
// a redrive, which resumes at the failed state, would have nothing to repeat.
func retriers() []Retrier {
	return []Retrier{
		{ErrorEquals: append(shard.ErrorTypes(true), transient()...), IntervalSeconds: 1, MaxAttempts: 5, BackoffRate: 2, MaxDelaySeconds: 20, JitterStrategy: jitterFull},
		{ErrorEquals: throttled(), IntervalSeconds: 1, MaxAttempts: 10, BackoffRate: 2, MaxDelaySeconds: 30, JitterStrategy: jitterFull},
	}
}

// repeats is how often the retriers repeat one task at most.
func repeats(list []Retrier) int {
	n := 0
	for _, r := range list {
		n += r.MaxAttempts
	}
	return n
}
