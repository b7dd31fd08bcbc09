// Package shardwisetest serves a model directory, one that split wrote, for the tests of other programs: the same processes
// behind the same protocols as on AWS, ended with the test.
//
//	func TestMain(m *testing.M) { shardwisetest.Main(m) }
//
//	func TestPrediction(t *testing.T) {
//		model := shardwisetest.Serve(t, "testdata/parts")
//		answer, err := model.Client.Infer(t.Context(), request)
//
// The test binary is the functions' program: that is what Main is for. The package is meant for tests alone; it is imported
// by no other part of Shardwise.
package shardwisetest

import (
	"context"
	"net/http"
	"os"
	"testing"

	"github.com/shardwise/shardwise/client"
	"github.com/shardwise/shardwise/internal/bootstrap"
	"github.com/shardwise/shardwise/internal/local"
	"github.com/shardwise/shardwise/simulator"
)

// Main runs the tests, or, in a process that a simulated function runs in, the function. It does not return.
func Main(m *testing.M) {
	if bootstrap.IsBootstrap() {
		bootstrap.Main()
		return
	}
	os.Exit(m.Run())
}

// Model is a model that is being served.
type Model struct {
	Endpoint    string         // of AWS Lambda's API and of the Open Inference Protocol, for AWS_ENDPOINT_URL and the like
	Name        string         // of the model
	Coordinator string         // the coordinator's function, to be invoked at the alias "live"
	Client      *client.Client // asks over HTTP
}

// Serve serves the model directory until the test and its subtests end; no process runs before the first request. The
// functions' log lines go to the test's log. A directory that cannot be served fails the test. The test's TestMain must call Main.
func Serve(t testing.TB, dir string) *Model {
	t.Helper()
	if bootstrap.IsBootstrap() { // or each process of a function would run the tests, which start functions
		t.Fatal("a function's process runs the tests: let TestMain call shardwisetest.Main")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	m, err := local.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	d, err := local.Start(context.Background(), local.Config{Model: m, Bootstrap: self, TempDir: t.TempDir(), Log: logTo(t)})
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	c, err := client.New(d.Endpoint(), m.Manifest.Name, client.Options{HTTP: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	return &Model{Endpoint: d.Endpoint(), Name: m.Manifest.Name, Coordinator: m.Deployment.Coordinator.Name, Client: c}
}

// logTo gives log lines to the test's log.
func logTo(t testing.TB) func(simulator.LogLine) {
	return func(l simulator.LogLine) { t.Logf("%s: %s", l.Function, l.Text) }
}
