// Command bootstrap-batch is the Lambda binary of a batch's own function, which reads and writes tables. See statemachine/tasks;
// the shards and the coordinator stay with cmd/bootstrap, which is smaller.
package main

import (
	"github.com/shardwise/shardwise/internal/bootstrap"
	"github.com/shardwise/shardwise/statemachine/tasks"
)

func main() {
	bootstrap.Main(bootstrap.Handler{Name: tasks.HandlerName, Open: tasks.FromEnvironment})
}
