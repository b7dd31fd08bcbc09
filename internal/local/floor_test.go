package local_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// The floor of a fan-out is what it costs when nothing is done: the same number of processes exchange as many messages of
// about the same sizes over TCP, 64 requests are signed, and a shard's process is stopped after its answer and continued
// before the next event. There is no HTTP, no JSON, no log, no model, and shards read and write by bare system calls.

// envFloor makes the test binary a process of the floor, "shard" or "coordinator"; envFloorAddr is where it reports.
const (
	envFloor     = "LOCAL_TEST_FLOOR"
	envFloorAddr = "LOCAL_TEST_FLOOR_ADDR"
)

const (
	floorRequest = 2000 // 1 KB of tensor in base64, with the heads of envelope and HTTP
	floorAnswer  = 1000
	floorNote    = 100 // "accepted", and "next"
)

// floorProcess is a process of the floor; it ends with its connections.
func floorProcess(role string) {
	if role == "coordinator" {
		floorCoordinator()
	}
	fd := floorDial().fd()
	request, answer, note := make([]byte, floorRequest), make([]byte, floorAnswer), make([]byte, floorNote)
	for {
		transfer(syscall.Read, fd, request)
		transfer(syscall.Write, fd, answer)
		transfer(syscall.Read, fd, note)
		transfer(syscall.Write, fd, note)
	}
}

// transfer repeats a system call until all of p is through.
func transfer(call func(int, []byte) (int, error), fd int, p []byte) {
	for len(p) > 0 {
		n, err := call(fd, p)
		if err == syscall.EINTR {
			continue
		}
		if n <= 0 {
			os.Exit(0)
		}
		p = p[n:]
	}
}

func floorCoordinator() {
	me := floorDial()
	var shards []floorConn
	for range wide {
		shards = append(shards, floorDial())
	}
	signer, keys := v4.NewSigner(), aws.Credentials{AccessKeyID: "id", SecretAccessKey: "key"}
	for {
		me.read(floorRequest)
		var all sync.WaitGroup
		for _, s := range shards {
			all.Go(func() {
				r, err := http.NewRequest(http.MethodPost, "http://127.0.0.1/2015-03-31/functions/f/invocations?Qualifier=q", nil)
				if err != nil {
					panic(err)
				}
				sum := sha256.Sum256(make([]byte, floorRequest))
				if err := signer.SignHTTP(r.Context(), keys, r, hex.EncodeToString(sum[:]), "lambda", "eu-west-1", time.Now()); err != nil {
					panic(err)
				}
				s.write(floorRequest)
				s.read(floorAnswer)
			})
		}
		all.Wait()
		me.write(floorAnswer)
	}
}

// floorConn exchanges messages of known size, and ends the process when its peer is gone.
type floorConn struct{ net.Conn }

func floorDial() floorConn {
	c, err := net.Dial("tcp", os.Getenv(envFloorAddr))
	if err != nil {
		panic(err)
	}
	if err := binary.Write(c, binary.LittleEndian, int64(os.Getpid())); err != nil {
		panic(err)
	}
	return floorConn{c}
}

func (c floorConn) fd() int {
	f, err := c.Conn.(*net.TCPConn).File()
	if err != nil {
		panic(err)
	}
	return int(f.Fd()) // which makes its calls block
}

func (c floorConn) read(n int) {
	if _, err := io.ReadFull(c, make([]byte, n)); err != nil {
		os.Exit(0)
	}
}

func (c floorConn) write(n int) {
	if _, err := c.Write(make([]byte, n)); err != nil {
		os.Exit(0)
	}
}

// accept takes a connection in, and its process's id.
func accept(b *testing.B, l net.Listener) (c net.Conn, pid int) {
	c, err := l.Accept()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	var id int64
	if err := binary.Read(c, binary.LittleEndian, &id); err != nil {
		b.Fatal(err)
	}
	return c, int(id)
}

// floor starts the processes and returns what sends one request through all of them.
func floor(b *testing.B) func() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var serving sync.WaitGroup
	b.Cleanup(serving.Wait) // the last of the cleanups: the others close what is waited for
	b.Cleanup(func() { l.Close() })
	run := func(role string) {
		cmd := exec.Command(os.Args[0])
		cmd.Env = []string{envFloor + "=" + role, envFloorAddr + "=" + l.Addr().String(), "GOMAXPROCS=1"}
		cmd.Stderr = os.Stderr
		if role == "coordinator" {
			cmd.Env = cmd.Env[:2]
		}
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			cmd.Process.Kill()
			cmd.Wait() // ends with "signal: killed", which is what was asked for
		})
	}
	type process struct {
		net.Conn
		pid int
	}
	var shards []process
	for range wide {
		run("shard")
	}
	for range wide {
		c, pid := accept(b, l)
		shards = append(shards, process{c, pid})
	}
	run("coordinator")
	me, _ := accept(b, l)
	for _, s := range shards {
		c, _ := accept(b, l)
		syscall.Kill(s.pid, syscall.SIGSTOP)
		serving.Go(func() { between(c, s.Conn, s.pid) })
	}
	return func() error {
		if _, err := me.Write(make([]byte, floorRequest)); err != nil {
			return err
		}
		_, err := io.ReadFull(me, make([]byte, floorAnswer))
		return err
	}
}

// between is the simulator of the floor: it hands a coordinator's requests to a shard's process until either is gone.
func between(coordinator, shard net.Conn, pid int) {
	request, answer, note := make([]byte, floorRequest), make([]byte, floorAnswer), make([]byte, floorNote)
	for {
		if _, err := io.ReadFull(coordinator, request); err != nil {
			return
		}
		syscall.Kill(pid, syscall.SIGCONT)
		for _, step := range []func() (int, error){
			func() (int, error) { return shard.Write(request) }, func() (int, error) { return io.ReadFull(shard, answer) },
			func() (int, error) { return shard.Write(note) }, func() (int, error) { return io.ReadFull(shard, note) },
		} {
			if _, err := step(); err != nil {
				return
			}
		}
		syscall.Kill(pid, syscall.SIGSTOP)
		if _, err := coordinator.Write(answer); err != nil {
			return
		}
	}
}
