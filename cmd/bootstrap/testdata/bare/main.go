// Command bare is the least handler that aws-lambda-go allows, the yardstick of the start-up benchmark.
package main

import (
	"context"

	"github.com/aws/aws-lambda-go/lambda"
)

type echo struct{}

func (echo) Invoke(_ context.Context, payload []byte) ([]byte, error) { return payload, nil }

func main() { lambda.StartWithOptions(echo{}) }
