//go:build unix

package simulator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"go.uber.org/goleak"
)

// TestMain makes the test binary serve two purposes: under a Runtime API it is
// the bootstrap of the test functions, otherwise it runs the tests.
func TestMain(m *testing.M) {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" {
		bootstrap(os.Getenv("_HANDLER"))
		return
	}
	if os.Getenv("SIMULATOR_TEST_CHILD") != "" {
		runSimulatorUntilKilled()
		return
	}
	goleak.VerifyTestMain(m)
}

type rawHandler func(ctx context.Context, event []byte) ([]byte, error)

func (h rawHandler) Invoke(ctx context.Context, event []byte) ([]byte, error) { return h(ctx, event) }

// bootstrap serves the handler that is named like on Lambda.
func bootstrap(handler string) {
	switch handler {
	case "echo":
		lambda.Start(rawHandler(func(_ context.Context, event []byte) ([]byte, error) { return event, nil }))
	case "record":
		lambda.Start(rawHandler(record))
	case "script":
		lambda.Start(rawHandler(script))
	case "sigterm":
		lambda.StartWithOptions(rawHandler(script), lambda.WithEnableSIGTERM(func() {
			fmt.Fprintln(os.Stderr, "got SIGTERM")
			os.Exit(0)
		}))
	case "init-exit":
		os.Exit(9)
	case "init-zero":
		os.Exit(0)
	case "init-hang":
		time.Sleep(time.Hour)
	case "init-slow-once":
		if !ranBefore() {
			time.Sleep(time.Hour)
		}
		lambda.Start(rawHandler(script))
	case "stream-breaks":
		lambda.Start(func() (io.Reader, error) {
			return io.MultiReader(strings.NewReader("half an ans"), brokenReader{}), nil
		})
	case "stream":
		lambda.Start(stream)
	case "content-type":
		lambda.Start(func() (io.Reader, error) { return typedReader{strings.NewReader("a,b\n1,2\n")}, nil })
	case "init-allocate":
		held = touched(300 << 20)
		time.Sleep(time.Hour)
	case "hostile":
		hostile()
	case "contract":
		transcribe()
	case "init-error", "answer-and-exit":
		byHand(handler)
	default:
		fmt.Fprintf(os.Stderr, "unknown test handler %q\n", handler)
		os.Exit(2)
	}
}

// record appends request id and event to the file $RECORD. It fails while the
// file holds no more than $FAILURES lines.
func record(ctx context.Context, event []byte) ([]byte, error) {
	lc, _ := lambdacontext.FromContext(ctx)
	f, err := os.OpenFile(os.Getenv("RECORD"), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if _, err := f.WriteString(lc.AwsRequestID + " " + string(event) + "\n"); err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	all, err := os.ReadFile(f.Name())
	if err != nil {
		return nil, err
	}
	if n, err := strconv.Atoi(os.Getenv("FAILURES")); err != nil || strings.Count(string(all), "\n") <= n {
		return nil, errors.New("failed as told")
	}
	return []byte("recorded"), nil
}

// ranBefore reports whether a process ran in this environment before, and
// leaves a mark in its ephemeral storage.
func ranBefore() bool {
	mark := os.TempDir() + "/mark"
	if _, err := os.Stat(mark); err == nil {
		return true
	}
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		panic(err)
	}
	return false
}

// brokenReader fails in the middle of a streamed answer.
type brokenReader struct{ more string }

func (b brokenReader) Read([]byte) (int, error)   { return 0, errors.New("the reader broke" + b.more) }
func (brokenReader) MarshalJSON() ([]byte, error) { return nil, errors.New("not JSON") }

// typedReader is streamed under a content type of its own.
type typedReader struct{ io.Reader }

func (typedReader) ContentType() string          { return "text/csv" }
func (typedReader) MarshalJSON() ([]byte, error) { return nil, errors.New("not JSON") }

// stream answers in parts.
func stream(c command) (io.Reader, error) {
	switch c.Do {
	case "error":
		return nil, errors.New(c.Arg)
	case "break":
		return io.MultiReader(strings.NewReader("half an ans"), brokenReader{}), nil
	case "break long":
		return io.MultiReader(strings.NewReader("half an ans"), brokenReader{strings.Repeat("x", c.Bytes)}), nil
	case "exit":
		return io.MultiReader(strings.NewReader("half"), readerFunc(func() { os.Exit(5) })), nil
	case "hang":
		return io.MultiReader(strings.NewReader("half"), readerFunc(func() { time.Sleep(time.Hour) })), nil
	case "wait": // for the file to be there
		return typedReader{io.MultiReader(strings.NewReader("first"), readerFunc(func() { awaitFile(c.Arg) }), strings.NewReader("second"))}, nil
	}
	return typedReader{bytes.NewReader(bytes.Repeat([]byte{0xff, 0, '\n', 0x80}, c.Bytes/4))}, nil
}

// awaitFile returns once there is such a file.
func awaitFile(path string) {
	for {
		if _, err := os.Stat(path); err == nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// readerFunc is an empty reader that does something first.
type readerFunc func()

func (f readerFunc) Read([]byte) (int, error)   { f(); return 0, io.EOF }
func (readerFunc) MarshalJSON() ([]byte, error) { return nil, errors.New("not JSON") }

// byHand speaks the Runtime API without a library, for what none does.
func byHand(handler string) {
	base := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/"
	if handler == "init-error" {
		if _, err := http.Post(base+"init/error", "application/json", strings.NewReader(`{"errorMessage":"no weights","errorType":"Shard.Load"}`)); err != nil {
			panic(err)
		}
		os.Exit(3)
	}
	r, err := http.Get(base + "invocation/next")
	if err != nil {
		panic(err)
	}
	if _, err := http.Post(base+"invocation/"+r.Header.Get("Lambda-Runtime-Aws-Request-Id")+"/response", "", strings.NewReader(`"answer"`)); err != nil {
		panic(err)
	}
	os.Exit(0)
}

type boom struct{}

func (boom) Error() string { return "boom" }

// held keeps what a test function allocated.
var held []byte

// touched returns n bytes that are really there.
func touched(n int) []byte {
	p := make([]byte, n)
	for i := 0; i < n; i += 4096 {
		p[i] = 1
	}
	return p
}

// mapped writes a file of n bytes, maps it and reads each of its pages.
func mapped(path string, n int) error {
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return err
	}
	if err := os.Truncate(path, int64(n)); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	p, err := syscall.Mmap(int(f.Fd()), 0, n, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return err
	}
	sum := 0
	for i := 0; i < n; i += 4096 {
		sum += int(p[i])
	}
	if sum != 0 {
		return errors.New("a new file is not empty")
	}
	return f.Close()
}

// command is the event of the script handler.
type command struct {
	Do    string
	Arg   string
	Bytes int
}

func script(ctx context.Context, event []byte) ([]byte, error) {
	var c command
	if err := json.Unmarshal(event, &c); err != nil {
		return nil, err
	}
	switch c.Do {
	case "error":
		return nil, errors.New(c.Arg)
	case "typed-error":
		return nil, boom{}
	case "panic":
		panic(c.Arg)
	case "exit":
		n, err := strconv.Atoi(c.Arg)
		if err != nil {
			return nil, err
		}
		os.Exit(n)
	case "sleep":
		d, err := time.ParseDuration(c.Arg)
		if err != nil {
			return nil, err
		}
		time.Sleep(d)
	case "hold": // writes its process id into a file, then never returns
		if err := os.WriteFile(c.Arg+".new", []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
			return nil, err
		}
		if err := os.Rename(c.Arg+".new", c.Arg); err != nil {
			return nil, err
		}
		time.Sleep(time.Hour)
	case "allocate":
		held = touched(c.Bytes)
		time.Sleep(30 * time.Millisecond)
	case "map":
		return nil, mapped(c.Arg, c.Bytes)
	case "store": // two files of so many bytes
		for _, name := range []string{"/one", "/two"} {
			if err := allocated(os.TempDir()+name, int64(c.Bytes)); err != nil {
				return nil, err
			}
		}
		time.Sleep(500 * time.Millisecond)
	case "gather":
		if err := gather(c.Arg); err != nil {
			return nil, err
		}
	case "seek":
		return nil, os.Truncate(os.TempDir()+"/one", int64(c.Bytes))
	case "tick": // goes on in the background
		f, err := os.Create(c.Arg)
		if err != nil {
			return nil, err
		}
		go func() {
			for {
				_, _ = f.Write([]byte("."))
				time.Sleep(time.Millisecond)
			}
		}()
	case "wait": // for the file to be there
		if err := os.WriteFile(c.Arg+".begun", []byte("."), 0o600); err != nil {
			return nil, err
		}
		awaitFile(c.Arg)
	case "flood":
		for {
			fmt.Fprintln(os.Stderr, strings.Repeat("flood ", 100))
		}
	case "log":
		fmt.Fprint(os.Stderr, c.Arg)
	default:
		return answer(ctx, &c)
	}
	return []byte(strconv.Itoa(os.Getpid())), nil
}

// answer serves the commands whose answer is the point; without one it is the process id.
func answer(ctx context.Context, c *command) ([]byte, error) {
	switch c.Do {
	case "bytes":
		return make([]byte, c.Bytes), nil
	case "environ":
		return json.Marshal(os.Environ())
	case "getwd":
		wd, err := os.Getwd()
		return []byte(wd), err
	case "mark":
		return []byte(strconv.FormatBool(ranBefore())), nil
	case "create":
		return nil, os.WriteFile(c.Arg, []byte("x"), 0o600)
	case "read":
		return os.ReadFile(c.Arg)
	case "args":
		return []byte(strings.Join(os.Args[1:], " ")), nil
	case "context":
		lc, _ := lambdacontext.FromContext(ctx)
		deadline, _ := ctx.Deadline()
		return json.Marshal(map[string]any{"id": lc.AwsRequestID, "arn": lc.InvokedFunctionArn, "client": lc.ClientContext,
			"left": time.Until(deadline).Milliseconds(), "trace": ctx.Value("x-amzn-trace-id"), "pid": os.Getpid()})
	}
	return []byte(strconv.Itoa(os.Getpid())), nil
}
