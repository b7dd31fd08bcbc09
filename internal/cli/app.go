package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"golang.org/x/term"

	"github.com/shardwise/shardwise/internal/bootstrap"
)

// App is the world that a command sees. The zero value lacks streams and is not usable; FromOS makes one of the
// process's own.
type App struct {
	Stdout, Stderr io.Writer
	// StdoutTerminal and StderrTerminal say whether the streams are terminals.
	StdoutTerminal, StderrTerminal bool
	// Width is the number of columns that summaries may take.
	Width int
	// Colour allows colour on standard error.
	Colour bool
	// Bootstrap is the program that function processes run: an executable that acts as the Lambda bootstrap when its
	// name is bootstrap.
	Bootstrap string
	// Env are variables that function processes get beside Lambda's own.
	Env map[string]string
	// TempDir is the parent of temporary folders; os.TempDir() if empty.
	TempDir string
	// Version is what the version command prints.
	Version string

	documented bool // the document of --json has been printed
}

// defaultWidth is the width of summaries that do not go to a terminal; maxWidth keeps bars readable on wide ones.
const (
	defaultWidth = 100
	maxWidth     = 140
)

// FromOS describes the process's own streams and executable.
func FromOS() (*App, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the program's own file, which the local functions run: %w", err)
	}
	a := &App{
		Stdout: os.Stdout, Stderr: os.Stderr, Bootstrap: self, Version: version(),
		StdoutTerminal: term.IsTerminal(int(os.Stdout.Fd())), StderrTerminal: term.IsTerminal(int(os.Stderr.Fd())),
		Width: defaultWidth, Env: map[string]string{},
	}
	if library := os.Getenv(bootstrap.EnvONNXRuntime); library != "" {
		a.Env[bootstrap.EnvONNXRuntime] = library
	}
	if w, _, err := term.GetSize(int(os.Stderr.Fd())); err == nil && w > 0 {
		a.Width = min(w, maxWidth)
	}
	_, noColour := os.LookupEnv("NO_COLOR")
	a.Colour = a.StderrTerminal && !noColour && os.Getenv("TERM") != "dumb"
	return a, nil
}

// Main runs the command line of the process and returns its exit status. SIGINT, SIGTERM and SIGHUP, which the closing of the
// terminal sends, end the command in order; a second SIGINT or SIGTERM ends the process at once. Under nohup SIGHUP stays ignored.
func Main(args []string) int {
	a, err := FromOS()
	if err != nil {
		fmt.Fprintln(os.Stderr, "shardwise:", err)
		return StatusRun
	}
	ending := []os.Signal{os.Interrupt, syscall.SIGTERM}
	// A reader that goes away, as head does, then gives an error that ends the command in order, not a signal that leaves
	// its processes' folders behind.
	harmless := []os.Signal{syscall.SIGPIPE}
	if !signal.Ignored(syscall.SIGHUP) {
		ending = append(ending, syscall.SIGHUP)
		// A terminal that closes sends it more than once, through the shell and by itself: the second must not stop the clearing away.
		harmless = append(harmless, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), ending...)
	defer stop()
	context.AfterFunc(ctx, stop)
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, harmless...)
	defer signal.Stop(caught)
	return a.Run(ctx, args)
}

// Run runs one command and returns its exit status. Errors are written to standard error.
func (a *App) Run(ctx context.Context, args []string) int {
	cmd := a.root()
	cmd.SetArgs(args)
	a.documented = false
	ran, err := cmd.ExecuteContextC(ctx)
	status := ExitStatus(ctx, err)
	if err != nil && !errors.Is(err, errVerdict) && status != StatusReaderGone {
		a.complain(err, status)
		if failed := a.documentError(ran, err, status); failed != nil {
			a.complain(failed, StatusRun)
		}
	}
	return status
}

// complain writes an error, each fault of a joined one on a line of its own.
func (a *App) complain(err error, status int) {
	if status == StatusInterrupted {
		fmt.Fprintln(a.Stderr, a.paint(red, "shardwise: interrupted;")+" everything that was started has been stopped")
		return
	}
	text := strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "\n  ")
	fmt.Fprintln(a.Stderr, a.paint(red, "shardwise:"), text)
	var u *usageError
	if errors.As(err, &u) && u.help != "" {
		fmt.Fprintf(a.Stderr, "see %s --help\n", u.help)
	}
}

// version reads the module version and the revision that the Go tool stamped into the program.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	if v == "" || v == "(devel)" {
		v = "devel"
	}
	var revision, dirty string
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value[:min(len(s.Value), 12)]
		case "vcs.modified":
			if s.Value == "true" {
				dirty = "+changes"
			}
		}
	}
	if revision != "" && !strings.Contains(v, revision) {
		v += " " + revision + dirty
	}
	return v + " " + info.GoVersion
}
