package manifest

import (
	"fmt"
	"regexp"
	"strings"
)

// Deployment says where and how a manifest's functions run. It stands beside the manifest, is written by the splitter
// with defaults, and may be edited: nothing in it changes the fingerprint.
type Deployment struct {
	Format      string     `json:"format"` // "shardwise-deployment/1"
	Model       string     `json:"model"`  // the manifest's name
	Coordinator Function   `json:"coordinator"`
	Shards      []Function `json:"shards"` // by shard index
	// Reply is how shards answer: "base64" (JSON, works everywhere) or "raw" (the frame itself).
	Reply string `json:"reply"`
	// Store is where payloads lie that are too large for a message; without one they are errors.
	Store *Store `json:"store,omitempty"`
}

// Store is the part of an S3 bucket that belongs to the deployment: keys that begin with Prefix and a slash, and no others
// are read or written. What failed requests leave there the bucket's life-cycle rule removes.
type Store struct {
	Bucket string `json:"bucket"`
	Prefix string `json:"prefix"`
}

// String is the store as a URL, s3://bucket/prefix.
func (s Store) String() string { return "s3://" + s.Bucket + "/" + s.Prefix }

// ParseStore reads what String writes.
func ParseStore(text string) (Store, error) {
	rest, ok := strings.CutPrefix(text, "s3://")
	bucket, prefix, cut := strings.Cut(rest, "/")
	s := Store{Bucket: bucket, Prefix: prefix}
	if !ok || !cut || s.fault() != "" {
		return Store{}, fmt.Errorf("wanted a store like s3://bucket/prefix, found %.200q", text)
	}
	return s, nil
}

var (
	bucketName  = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	storePrefix = regexp.MustCompile(`^[A-Za-z0-9_.=-]+(/[A-Za-z0-9_.=-]+)*$`)
)

// maxPrefix leaves room in a key's 1,024 bytes for what is put behind it.
const maxPrefix = 512

// fault says what is wrong, "" for nothing.
func (s Store) fault() string {
	switch {
	case !bucketName.MatchString(s.Bucket):
		return fmt.Sprintf("bucket is %.80q; an S3 bucket's name has 3 to 63 lower-case letters, digits, dots and -", s.Bucket)
	case len(s.Prefix) > maxPrefix || !storePrefix.MatchString(s.Prefix):
		return fmt.Sprintf("prefix is %.80q; wanted 1 to %d letters, digits, _ . = - with single slashes between them", s.Prefix, maxPrefix)
	}
	return ""
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
