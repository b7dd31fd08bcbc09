// Package httpapi is the HTTP front end of a model: the Open Inference Protocol (KServe V2 REST) with its binary tensor
// data extension, for clients of Triton, KServe, Seldon and MLServer.
//
//	GET  /v2                                        the server, its version and extensions; links to the description
//	GET  /v2/health/live, /v2/health/ready          whether the server answers
//	GET  /v2/models/{name}[/versions/{version}]     the model's inputs and outputs
//	GET  .../ready                                  whether the model answers
//	POST .../infer                                  a prediction
//	GET  /v2/openapi.json                           the OpenAPI 3.1 description of all this, for this very model
//
// It opens no socket: requests come as events of a Lambda function URL (payload format 2.0, which API Gateway's HTTP APIs
// use as well) and answers are what Lambda turns into an HTTP response. Every failure is an answer with a status and
// {"error": ...}; package coordinator, the only caller, adapts itself through Model.
//
// Readiness is the coordinator's own: its files are open and checked. No shard is invoked, since a probe every few
// seconds would keep every shard's environment running, and paid for.
//
// Everything is safe for concurrent use.
package httpapi
