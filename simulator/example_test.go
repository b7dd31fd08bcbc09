//go:build unix

package simulator_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/shardwise/shardwise/simulator"
)

func Example() {
	// The test binary is its own bootstrap: TestMain starts the handler when it
	// finds AWS_LAMBDA_RUNTIME_API in its environment.
	exe, err := os.Executable()
	if err != nil {
		log.Fatal(err)
	}
	sim, err := simulator.Start(context.Background(), simulator.Config{
		Functions: []simulator.Function{{Name: "echo", Handler: "echo", Command: []string{exe}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer sim.Close()

	client := lambda.New(lambda.Options{
		Region: simulator.DefaultRegion, BaseEndpoint: aws.String(sim.Endpoint()),
		Credentials: credentials.NewStaticCredentialsProvider("any", "any", ""),
	})
	out, err := client.Invoke(context.Background(), &lambda.InvokeInput{FunctionName: aws.String("echo"), Payload: []byte(`{"rows":1}`)})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(*out.ExecutedVersion, string(out.Payload))
	// Output: $LATEST {"rows":1}
}
