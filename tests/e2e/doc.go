// Package e2e holds the tests that need real processes from outside: killed shards, the AWS CLI and boto3, a killed
// simulator, and memory. It has no code of its own.
package e2e
