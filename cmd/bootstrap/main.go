// Command bootstrap is the Lambda binary: coordinator or shard, as _HANDLER says. See internal/bootstrap.
package main

import "github.com/shardwise/shardwise/internal/bootstrap"

func main() { bootstrap.Main() }
