//go:build unix

package simulator_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/simulator"
)

// TestTheAWSCommandLineCopiesObjects moves files in and out of the simulated S3 at the endpoint that serves Lambda.
func TestTheAWSCommandLineCopiesObjects(t *testing.T) {
	t.Parallel()
	aws, _ := tool(t, "aws", "--version")
	sim, _ := start(t, simulator.Config{Buckets: []string{"made-before"}, Functions: []simulator.Function{fn(t, "echo", "echo")}})
	dir := t.TempDir()
	run := func(wantErr string, arg ...string) string {
		t.Helper()
		cmd := exec.Command(aws, arg...)
		cmd.Env, cmd.Dir = toolEnv(sim.Endpoint()), dir
		text, err := cmd.CombinedOutput()
		if (err != nil) != (wantErr != "") || !strings.Contains(string(text), wantErr) {
			t.Fatalf("aws %v: %v: %s", arg, err, text)
		}
		return string(text)
	}
	for name, size := range map[string]int{"small": 1000, "large": 20 << 20} { // the large one goes in parts
		data := make([]byte, size)
		rand.NewChaCha8([32]byte{}).Read(data)
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
		run("", "s3", "cp", name, "s3://made-before/some/"+name)
		run("", "s3", "cp", "s3://made-before/some/"+name, name+".back")
		if back, err := os.ReadFile(filepath.Join(dir, name+".back")); err != nil || !bytes.Equal(back, data) {
			t.Errorf("%s: %d bytes came back (%v)", name, len(back), err)
		}
	}
	if text := run("", "s3", "ls", "s3://made-before/some/"); !strings.Contains(text, "20971520 large") || !strings.Contains(text, "1000 small") {
		t.Errorf("ls: %s", text)
	}
	run("", "s3", "mb", "s3://made-now")
	run("", "s3", "cp", "s3://made-before/some/small", "s3://made-now/copy")
	run("", "s3api", "put-object", "--bucket", "made-now", "--key", "one", "--body", "small", "--if-none-match", "*")
	run("PreconditionFailed", "s3api", "put-object", "--bucket", "made-now", "--key", "one", "--body", "small", "--if-none-match", "*")
	run("NotImplemented", "s3api", "get-object-tagging", "--bucket", "made-now", "--key", "one")
	run("", "s3", "sync", "s3://made-before/some", "mirror")
	run("", "s3", "rm", "--recursive", "s3://made-now")
	run("", "s3", "rb", "s3://made-now")
	run("", "lambda", "invoke", "--function-name", "echo", "out") // beside all this
}

const boto3S3Script = `
import boto3, io, urllib.request, urllib.error
from botocore.exceptions import ClientError
from boto3.s3.transfer import TransferConfig
c = boto3.client("s3")
assert [b["Name"] for b in c.list_buckets()["Buckets"]] == ["made-before"]
data = bytes(range(256)) * 50000
c.upload_fileobj(io.BytesIO(data), "made-before", "in/parts", Config=TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20))
back = io.BytesIO()
c.download_fileobj("made-before", "in/parts", back, Config=TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20))
assert back.getvalue() == data
c.put_object(Bucket="made-before", Key="k", Body=b"text", ContentType="text/plain", Metadata={"a": "b"}, ChecksumAlgorithm="SHA256")
r = c.get_object(Bucket="made-before", Key="k", Range="bytes=1-2")
assert r["Body"].read() == b"ex" and r["Metadata"] == {"a": "b"} and r["ContentType"] == "text/plain", r
for wanted, call in {"PreconditionFailed": lambda: c.put_object(Bucket="made-before", Key="k", Body=b"", IfNoneMatch="*"),
                     "NoSuchKey": lambda: c.get_object(Bucket="made-before", Key="none"),
                     "NotImplemented": lambda: c.put_object(Bucket="made-before", Key="k", Body=b"", ServerSideEncryption="aws:kms")}.items():
    try:
        call()
        raise SystemExit(wanted + " was expected")
    except ClientError as e:
        assert e.response["Error"]["Code"] == wanted, e.response
for client in [c, boto3.client("s3", config=boto3.session.Config(signature_version="s3v4"))]:
    url = client.generate_presigned_url("get_object", {"Bucket": "made-before", "Key": "k"})
    assert urllib.request.urlopen(url).read() == b"text", url
assert [o["Key"] for p in c.get_paginator("list_objects_v2").paginate(Bucket="made-before", PaginationConfig={"PageSize": 1}) for o in p["Contents"]] == ["in/parts", "k"]
assert len(c.delete_objects(Bucket="made-before", Delete={"Objects": [{"Key": "k"}, {"Key": "in/parts"}]})["Deleted"]) == 2
assert boto3.client("lambda").invoke(FunctionName="echo", Payload=b"1")["Payload"].read() == b"1"
print("fine")
`

func TestBoto3UsesObjects(t *testing.T) {
	t.Parallel()
	python, _ := tool(t, "python3", "-c", hasBoto3)
	sim, _ := start(t, simulator.Config{Buckets: []string{"made-before"}, Functions: []simulator.Function{fn(t, "echo", "echo")}})
	cmd := exec.Command(python, "-c", boto3S3Script)
	cmd.Env = append(toolEnv(sim.Endpoint()), "AWS_MAX_ATTEMPTS=1")
	if out, err := cmd.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "fine" {
		t.Errorf("%v: %s", err, out)
	}
}

// TestObjectsStayInTheirDirectory starts a second simulator on the first one's objects.
func TestObjectsStayInTheirDirectory(t *testing.T) {
	t.Parallel()
	python, _ := tool(t, "python3", "-c", hasBoto3)
	stay := filepath.Join(t.TempDir(), "objects")
	for i, script := range []string{
		`import boto3; boto3.client("s3").put_object(Bucket="stays", Key="k", Body=b"here")`,
		`import boto3; assert boto3.client("s3").get_object(Bucket="stays", Key="k")["Body"].read() == b"here"`,
	} {
		sim, _ := start(t, simulator.Config{Buckets: []string{"stays"}, ObjectsDir: stay})
		cmd := exec.Command(python, "-c", script)
		cmd.Env = toolEnv(sim.Endpoint())
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("simulator %d: %v: %s", i, err, out)
		}
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	}
}
