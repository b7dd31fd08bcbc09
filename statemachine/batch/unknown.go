package batch

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/shardwise/shardwise/shard"
)

// executionFields are the parts of an execution's ARN, with colons between them.
const executionFields = 8

// executionARN refuses what is no ARN of an execution of its own, which the service would refuse in words that help nobody. It returns
// the execution's Region and the ARN of its machine.
func executionARN(arn string) (region, machine string, err error) {
	f := strings.Split(arn, ":")
	if len(f) != executionFields || f[0] != "arn" || f[2] != "states" || f[5] != "execution" || f[6] == "" || f[7] == "" {
		return "", "", &shard.Error{Op: "look up execution", Kind: shard.BadInput, Message: fmt.Sprintf("wanted arn:aws:states:REGION:ACCOUNT:execution:MACHINE:NAME, "+
			"as batch --detach prints it and a summary holds it, found %.200q", arn)}
	}
	f[5] = "stateMachine"
	return f[3], strings.Join(f[:7], ":"), nil
}

// unknown says of an execution that is not there where it was looked for, and how to find those that are. Other errors are typed only.
func (c *Client) unknown(execution string, err error) error {
	var missing *types.ExecutionDoesNotExist
	if !errors.As(err, &missing) {
		return failed("describe execution", err)
	}
	region, machine, err := executionARN(execution)
	if err != nil {
		return err
	}
	where := "in " + c.region
	if c.endpoint != "" {
		where += ", at " + c.endpoint
	}
	text := fmt.Sprintf("there is no execution %s %s", execution, where)
	if region != c.region {
		text += fmt.Sprintf("; it is one of %s: set AWS_REGION", region)
	}
	return &shard.Error{Op: "describe execution", Kind: shard.NotFound, Message: text + "; ended ones are kept for 90 days. These list a machine's executions, and all machines: " +
		"aws stepfunctions list-executions --state-machine-arn " + machine + "; aws stepfunctions list-state-machines"}
}
