//go:build unix

package simulator

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/shardwise/shardwise/simulator/faults"
	"github.com/shardwise/shardwise/simulator/network"
	"github.com/shardwise/shardwise/simulator/states"
)

// Limits and defaults of AWS Lambda that the simulator applies. Sizes in bytes
// are exact, as recorded from AWS.
const (
	MaxRequest    = 6291456   // largest synchronous request body
	MaxEvent      = 1 << 20   // largest asynchronous request body
	MaxResponse   = 6291556   // largest buffered response body, 6 MiB + 100
	MaxStream     = 200 << 20 // largest streamed response body
	DefaultRegion = "us-east-1"

	// PagePath is where Config.Page is served: no path of AWS Lambda or of the Open Inference Protocol.
	PagePath = "/_shardwise/"

	defaultAccount     = "000000000000"
	defaultTimeout     = 3 * time.Second
	defaultInitTimeout = 10 * time.Second
	defaultConcurrency = 1000
	defaultScalingRate = 1000
	defaultEventDelay  = time.Minute
	defaultStreamRate  = 2 << 20
	streamFree         = 6 << 20 // bytes of a streamed response that go at once
	defaultMemoryMB    = 128
	defaultEphemeralMB = 512
	defaultBodyTimeout = time.Minute       // AWS publishes none
	defaultIdleTimeout = 5 * time.Minute   // AWS publishes none; environments live some minutes there
	provisionedInit    = 130 * time.Second // least INIT timeout with provisioned concurrency
	sigtermGrace       = 500 * time.Millisecond
	maxTimeout         = 900 * time.Second
	maxEventAge        = 6 * time.Hour
	maxEventRetries    = 2
	maxEnvironment     = 4 << 10
	maxClientContext   = 3583 // bytes of base64
)

// Config describes a simulator. The zero value of every field is usable; a
// Config without functions answers every invocation with 404.
type Config struct {
	Functions []Function

	Addr           string          // listening address of the Invoke API; "127.0.0.1:0" if empty
	Dir            string          // parent of the temporary directory; os.TempDir() if empty
	Region         string          // DefaultRegion if empty
	Account        string          // twelve digits; twelve zeros if empty
	MaxConcurrency int             // invocations at once over all functions; 1000 if zero, as in a new account
	ScalingRate    int             // new environments of one function in 10 s; 1000 if zero
	InitTimeout    time.Duration   // of an environment's first INIT; 10 s if zero, as on demand
	StreamRate     int             // bytes a second of a streamed response after its first 6 MB; 2 MB if zero
	EventDelay     time.Duration   // before a failed event is retried, twice that before the second retry; 1 min if zero. Pauses after throttles are in proportion, from 1/60 up to 5 times this
	IdleTimeout    time.Duration   // an environment idle this long is ended; 5 min if zero
	BodyTimeout    time.Duration   // in which each MiB of a request's body must come in; 1 min if zero
	Log            func(l LogLine) // receives every log line, concurrently; must not call the simulator; nil discards them
	FunctionURL    string          // function and optional :alias whose URL this is: requests outside AWS's API become its events; none if empty
	NoFreeze       bool            // let processes run on between invocations; Lambda freezes them, and so does the simulator if false
	MemoryLimit    bool            // kill processes that hold more than MemoryMB, as Lambda does (on Linux only)
	Network        *network.Model  // latency, bandwidth and cold starts of the way to Lambda; none if nil
	Faults         *faults.Plan    // what is to go wrong; nothing if nil
	Seed           uint64          // of what Network and Faults draw
	Observer       Observer        // is told of environments and invocations; nil when nobody wants to know
	Buckets        []string        // of the simulated S3; clients may make more
	ObjectsDir     string          // where S3's objects lie, and stay for the next simulator; below the temporary directory, and gone at the end, if empty
	Page           http.Handler    // serves GET below PagePath, beside AWS's API; nil for none. Its requests end when the simulator closes
	StepFunctions  *StepFunctions  // serves AWS Step Functions at the same endpoint; nil for none
	Random         io.Reader       // source of request and trace ids; crypto/rand if nil; reads are serialised
}

// StepFunctions asks for AWS Step Functions beside Lambda: docs/simulator.md says what of it is served.
type StepFunctions struct {
	Dir     string             // where machines and executions are kept, an existing directory; if empty they end with the simulator
	Objects states.ObjectStore // what ItemReader and ResultWriter reach as S3; the simulator's own S3 if nil
}

// Function is a function at $LATEST, with its published versions and aliases.
type Function struct {
	Name    string
	Handler string   // becomes _HANDLER; "bootstrap" if empty
	Command []string // program and arguments that are the bootstrap; a relative program path starts from the task root; "bootstrap" if empty
	Env     map[string]string
	Files   []File // laid out read-only as the task root, LAMBDA_TASK_ROOT

	MemoryMB    int           // 128..10240, told to the function; its limit under Config.MemoryLimit; 128 if zero
	Timeout     time.Duration // at most 900 s; 3 s if zero, as on Lambda. Finer than a second is allowed here
	EphemeralMB int           // 512..10240, told to clients; 512 if zero

	// Provisioned is the provisioned concurrency of versions and aliases: environments that Start begins to start ahead.
	Provisioned map[string]int

	Event EventConfig // what becomes of asynchronous invocations

	ReservedConcurrency *int              // invocations at once of this function alone; nil for none reserved, 0 throttles every call
	Versions            []Version         // published versions
	Aliases             map[string]string // alias to version number or $LATEST
}

// Version is a published version of a function. Fields left at zero are those of
// the function at $LATEST.
type Version struct {
	Number  string // a positive number
	Handler string
	Command []string
	Env     map[string]string
	Files   []File
}

// File is one entry of a task root. Name is its slash-separated path there,
// Source a regular file, which is linked and not copied: its permission bits stay
// its own, only the directories of the tree are made read-only.
type File struct {
	Name   string
	Source string
}

// LogLine is one line that a function or Lambda wrote to a function's log.
type LogLine struct {
	Time      time.Time
	Function  string
	Version   string
	Stream    string // the log stream, one for each execution environment
	RequestID string // the invocation that it belongs to, empty during INIT
	Text      string // without its line feed
}

// LogTo returns a Config.Log that writes each line to w, prefixed with function,
// version and stream. Writes are serialised. Errors of w are not reported:
// a full disk must not look like a failing function.
func LogTo(w io.Writer) func(LogLine) {
	var mu sync.Mutex
	return func(l LogLine) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = fmt.Fprintf(w, "%s:%s %.8s %s\n", l.Function, l.Version, l.Stream[len(l.Stream)-min(8, len(l.Stream)):], l.Text)
	}
}
