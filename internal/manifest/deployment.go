package manifest

// Deployment says where and how a manifest's functions run. It stands beside the manifest, is written by the splitter
// with defaults, and may be edited: nothing in it changes the fingerprint.
type Deployment struct {
	Format      string     `json:"format"` // "shardwise-deployment/1"
	Model       string     `json:"model"`  // the manifest's name
	Coordinator Function   `json:"coordinator"`
	Shards      []Function `json:"shards"` // by shard index
	// Reply is how shards answer: "base64" (JSON, works everywhere) or "raw" (the frame itself).
	Reply string `json:"reply"`
}

// DeploymentFormat is the format string of deployment files.
const DeploymentFormat = "shardwise-deployment/1"

// Function is one Lambda function. Memory and ephemeral storage are MB (1,048,576 bytes), Timeout seconds.
type Function struct {
	Name                string `json:"name"`
	MemoryMB            int    `json:"memory_mb"`
	TimeoutSeconds      int    `json:"timeout_seconds"`
	EphemeralMB         int    `json:"ephemeral_mb,omitempty"`
	ReservedConcurrency int    `json:"reserved_concurrency,omitempty"` // 0 = none reserved
}

// LiveAlias is the coordinator's alias that moves from one model version to the next.
const LiveAlias = "live"

// Alias is the alias at which every function of the model with this fingerprint is invoked: "m-" and the first 12
// digits, so that two models never mix. The fingerprint must be 64 hex digits.
func Alias(fingerprint string) string { return "m-" + fingerprint[:12] }
