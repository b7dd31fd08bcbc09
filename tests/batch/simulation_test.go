package batch_test

import (
	"bufio"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/shardwise/shardwise/internal/cli"
	"github.com/shardwise/shardwise/simulator"
	"github.com/shardwise/shardwise/statemachine/batch"
)

// role is one that nobody looks at here.
const role = "arn:aws:iam::000000000000:role/batch"

// simulation is `simulate --state` in a process of its own, at an address that outlives it.
type simulation struct {
	t          *testing.T
	dir, state string
	addr       string
	flags      []string
	process    *exec.Cmd
	ended      chan error

	mu     sync.Mutex
	starts map[string]int // invocations by function, by the log
}

func simulate(t *testing.T, dir string, flags ...string) *simulation {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &simulation{t: t, dir: dir, state: filepath.Join(t.TempDir(), "state"), addr: l.Addr().String(), flags: flags, starts: map[string]int{}}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s.start()
	t.Cleanup(func() {
		if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := <-s.ended; err != nil {
			t.Errorf("simulate: %v", err)
		}
	})
	return s
}

// start starts the process, and returns when it has said that it is ready.
func (s *simulation) start() {
	s.t.Helper()
	s.process = command(s.t, append([]string{"simulate", s.dir, "--addr", s.addr, "--state", s.state}, s.flags...)...)
	out, err := s.process.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	log, err := s.process.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	ready := make(chan bool)
	var readers sync.WaitGroup
	readers.Go(func() {
		defer close(ready)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if strings.HasPrefix(lines.Text(), "interrupt") {
				ready <- true
			}
		}
	})
	readers.Go(func() {
		for lines := bufio.NewScanner(log); lines.Scan(); {
			if name, text, ok := strings.Cut(lines.Text(), " "); ok && strings.HasPrefix(text, "START RequestId") {
				s.mu.Lock()
				s.starts[name]++
				s.mu.Unlock()
			}
		}
	})
	s.ended = make(chan error, 1)
	go func() {
		readers.Wait()
		s.ended <- s.process.Wait()
	}()
	if !<-ready {
		s.t.Fatalf("simulate ended before it was ready: %v", <-s.ended)
	}
}

// kill ends the process with a signal that cannot be caught.
func (s *simulation) kill() {
	s.t.Helper()
	if err := s.process.Process.Kill(); err != nil {
		s.t.Fatal(err)
	}
	<-s.ended
}

// calls is how often a function was invoked so far.
func (s *simulation) calls(function string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.starts[function]
}

// batch runs a command over the simulation and wants an exit status.
func (s *simulation) batch(status int, args ...string) (stdout, stderr string) {
	s.t.Helper()
	cmd := command(s.t, append([]string{"batch"}, args...)...)
	cmd.Env = append(cmd.Env, "AWS_ENDPOINT_URL=http://"+s.addr, "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b", "AWS_DEFAULT_REGION="+simulator.DefaultRegion,
		"AWS_REGION="+simulator.DefaultRegion, "AWS_EC2_METADATA_DISABLED=true")
	stdout, stderr, _ = run(s.t, status, cmd)
	return stdout, stderr
}

// begin starts a batch that nobody waits for and returns its execution.
func (s *simulation) begin(input, key string, flags ...string) string {
	s.t.Helper()
	out, _ := s.batch(cli.StatusOK, append([]string{s.dir, "--input", input, "--output", "s3://" + bucket + "/" + key, "--role", role, "--detach"}, flags...)...)
	return strings.TrimSpace(out)
}

// status looks at an execution until it is as wanted.
func (s *simulation) status(execution string, until func(*facts) bool) *facts {
	s.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		out, _ := s.batch(cli.StatusOK, "status", execution, "--json")
		if f := parse(s.t, out); until(f) {
			return f
		} else if time.Now().After(deadline) {
			s.t.Fatalf("found %s", out)
		}
	}
}

// client reaches the simulation.
func (s *simulation) client() *batch.Client {
	c := batch.New(batch.Options{Region: simulator.DefaultRegion, Endpoint: "http://" + s.addr, Role: role,
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")})
	s.t.Cleanup(c.Close)
	return c
}

// holds compares an object with a file.
func (s *simulation) holds(key, path string) {
	s.t.Helper()
	data, err := s.client().Store.Read(s.t.Context(), bucket, key)
	if err != nil {
		s.t.Fatal(err)
	}
	if want := load(s.t, path); string(data) != string(want) {
		s.t.Errorf("%s differs: %d bytes, wanted %d", key, len(data), len(want))
	}
}

// shard is the name of the first shard's function, which is invoked once for each block.
const shard = "model-shard-000"

// progressed reports whether so many blocks are done, or the execution has ended.
func progressed(n int64) func(*facts) bool {
	return func(f *facts) bool { return f.Blocks.Succeeded >= n || f.Status != "RUNNING" }
}

func ended(f *facts) bool { return f.Status != "RUNNING" }
