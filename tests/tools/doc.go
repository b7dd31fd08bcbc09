// Package tools runs what the documents show: the examples of docs/http.md by a shell with curl, the snippets of
// docs/python.md by Python, and Triton's own client library (requirements.txt), all against a simulation of an example
// model. What a computer lacks is skipped, unless SHARDWISE_REQUIRE_TOOLS=1 demands it. Tests only.
package tools
