package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/shardwise/shardwise/client"
)

func Example() {
	endpoint, stop, err := diabetes() // or: shardwise simulate DIR
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = stop() }()
	defer http.DefaultClient.CloseIdleConnections()

	c, err := client.New(endpoint, "diabetes", client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	nan := float32(math.NaN()) // a missing value
	x, err := client.NewTensor("features", []float32{
		59, 2, 32.1, nan, 157, 93.2, nan, 4, 4.8598, 87,
		48, 1, 21.6, 87, 183, 103.2, 70, 3, 3.8918, 69,
	}, 2, 10)
	if err != nil {
		log.Fatal(err)
	}
	answer, err := c.Infer(context.Background(), client.Request{Inputs: []client.Tensor{x}})
	if err != nil {
		log.Fatal(err)
	}
	y, err := client.Values[float32](answer.Output("prediction"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer.Mode, y)
	// Output: exact [154.097 73.910934]
}

// A refusal says what is wrong and whether waiting helps.
func ExampleError() {
	endpoint, stop, err := diabetes()
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = stop() }()
	defer http.DefaultClient.CloseIdleConnections()

	c, err := client.New(endpoint, "diabetes", client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	x, err := client.NewTensor("features", make([]float32, 9), 1, 9)
	if err != nil {
		log.Fatal(err)
	}
	_, err = c.Infer(context.Background(), client.Request{Inputs: []client.Tensor{x}})
	var refused *client.Error
	if errors.As(err, &refused) {
		fmt.Println(refused.Status, refused.RetryAfter)
		fmt.Println(refused.Message)
	}
	// Output:
	// 400 0s
	// check inputs: input "features": wanted shape [batch, 10], found [1, 9]: dimension 1 is 9 instead of 10
}

// A function without a URL is invoked through the AWS SDK.
func ExampleLambda() {
	endpoint, stop, err := diabetes()
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = stop() }()

	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	sdk := lambda.New(lambda.Options{Region: "us-east-1", BaseEndpoint: aws.String(endpoint), // leave out the endpoint on AWS
		Credentials: credentials.NewStaticCredentialsProvider("any", "any", ""), HTTPClient: &http.Client{Transport: transport}})
	c, err := client.New(client.LambdaEndpoint, "diabetes", client.Options{HTTP: client.Lambda(sdk, "diabetes-coordinator", "live")})
	if err != nil {
		log.Fatal(err)
	}
	if err := c.Ready(context.Background()); err != nil {
		log.Fatal(err)
	}
	m, err := c.Metadata(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(m.Name, m.Inputs, m.Outputs)
	// Output: diabetes [{features FP32 [-1 10]}] [{prediction FP32 [-1]} {margin FP32 [-1]} {leaf INT32 [-1 150]}]
}
