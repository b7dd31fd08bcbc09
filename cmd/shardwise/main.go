// Command shardwise is the command line: it inspects and splits models, and runs and verifies them on this computer.
//
// Started under the name bootstrap it is the Lambda bootstrap instead, so that one binary suffices locally. It decides
// between the two and nothing else.
package main

import (
	"os"

	"github.com/shardwise/shardwise/internal/bootstrap"
	"github.com/shardwise/shardwise/internal/cli"
	"github.com/shardwise/shardwise/statemachine/tasks"
)

func main() {
	if bootstrap.IsBootstrap() {
		bootstrap.Main(bootstrap.Handler{Name: tasks.HandlerName, Open: tasks.FromEnvironment})
		return
	}
	os.Exit(cli.Main(os.Args[1:]))
}
