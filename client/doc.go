// Package client asks a deployed model for predictions, over the Open Inference Protocol with binary tensor data: no digit
// is lost, and no number is formatted or parsed.
//
//	c, err := client.New("http://127.0.0.1:9001", "diabetes", client.Options{})
//	x, err := client.NewTensor("features", []float32{...}, 2, 10)
//	answer, err := c.Infer(ctx, client.Request{Inputs: []client.Tensor{x}})
//	y, err := client.Values[float32](answer.Output("prediction"))
//
// The endpoint is that of a simulation, a function URL, or any other server of the protocol. Where a function has no URL,
// Lambda makes a transport of an AWS SDK client: the same requests then travel as the events of one.
//
// It is not a batch tool: one call is one request of at most 6 MB, it repeats nothing, and it knows no file formats.
// An answer that is not what the protocol says, or lacks an output asked for, is an error and never a partial result.
// The package imports nothing else of Shardwise; any program may import it. Everything is safe for concurrent use.
package client
