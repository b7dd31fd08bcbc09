//go:build unix

package simulator

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/shardwise/shardwise/simulator/internal/tasktree"
	"github.com/shardwise/shardwise/simulator/objects"
)

// Patterns of the API model.
var (
	functionPattern = regexp.MustCompile(`^[a-zA-Z0-9-_]{1,64}$`)
	aliasPattern    = regexp.MustCompile(`^[a-zA-Z0-9-_]{1,128}$`)
	numberPattern   = regexp.MustCompile(`^[1-9][0-9]*$`)
	digitsPattern   = regexp.MustCompile(`^[0-9]+$`)
	regionPattern   = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
	accountPattern  = regexp.MustCompile(`^[0-9]{12}$`)
	variablePattern = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]+$`)
)

// withDefaults returns c with its zero fields filled in.
func (c Config) withDefaults() Config {
	c.Addr = cmp.Or(c.Addr, "127.0.0.1:0")
	c.Region = cmp.Or(c.Region, DefaultRegion)
	c.Account = cmp.Or(c.Account, defaultAccount)
	c.MaxConcurrency = cmp.Or(c.MaxConcurrency, defaultConcurrency)
	c.ScalingRate = cmp.Or(c.ScalingRate, defaultScalingRate)
	c.StreamRate = cmp.Or(c.StreamRate, defaultStreamRate)
	c.EventDelay = cmp.Or(c.EventDelay, defaultEventDelay)
	c.InitTimeout = cmp.Or(c.InitTimeout, defaultInitTimeout)
	c.IdleTimeout = cmp.Or(c.IdleTimeout, defaultIdleTimeout)
	c.BodyTimeout = cmp.Or(c.BodyTimeout, defaultBodyTimeout)
	functions := make([]Function, len(c.Functions))
	for i, f := range c.Functions {
		f.Handler = cmp.Or(f.Handler, "bootstrap")
		f.MemoryMB = cmp.Or(f.MemoryMB, defaultMemoryMB)
		f.EphemeralMB = cmp.Or(f.EphemeralMB, defaultEphemeralMB)
		f.Timeout = cmp.Or(f.Timeout, defaultTimeout)
		if len(f.Command) == 0 {
			f.Command = []string{"bootstrap"}
		}
		functions[i] = f
	}
	c.Functions = functions
	return c
}

// Validate reports all faults of a configuration at once, or nil.
func (c Config) Validate() error {
	c = c.withDefaults()
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if !regionPattern.MatchString(c.Region) {
		fault("region %q: want a name like us-east-1", c.Region)
	}
	if !accountPattern.MatchString(c.Account) {
		fault("account %q: want twelve digits", c.Account)
	}
	if c.MaxConcurrency < 0 || c.InitTimeout < 0 || c.IdleTimeout < 0 || c.EventDelay < 0 || c.BodyTimeout < 0 {
		fault("MaxConcurrency %d, InitTimeout %v, IdleTimeout %v, EventDelay %v, BodyTimeout %v: none may be negative",
			c.MaxConcurrency, c.InitTimeout, c.IdleTimeout, c.EventDelay, c.BodyTimeout)
	}
	if c.ScalingRate < 0 || c.StreamRate < 0 {
		fault("ScalingRate %d, StreamRate %d: want at least 1", c.ScalingRate, c.StreamRate)
	}
	seen := map[string]bool{}
	reserved := 0
	for _, f := range c.Functions {
		if seen[f.Name] {
			fault("function %q stands twice; names must differ", f.Name)
		}
		seen[f.Name] = true
		reserved += f.setAside()
		for _, err := range append(f.faults(), c.eventFaults(f)...) {
			fault("function %q: %w", f.Name, err)
		}
	}
	if err := c.urlFault(); err != nil {
		faults = append(faults, err)
	}
	faults = append(faults, c.demandFaults()...)
	if err := objects.CheckBuckets(c.Buckets); err != nil {
		faults = append(faults, err)
	}
	if reserved > c.MaxConcurrency {
		fault("reserved and provisioned concurrency adds up to %d, more than the account's %d; raise MaxConcurrency", reserved, c.MaxConcurrency)
	}
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("simulator configuration: %w", errors.Join(faults...))
}

// demandFaults checks the models of what is delayed or goes wrong on demand.
func (c Config) demandFaults() []error {
	var faults []error
	if c.Network != nil {
		if err := c.Network.Validate(); err != nil {
			faults = append(faults, fmt.Errorf("network model: %w", err))
		}
	}
	if c.Faults != nil {
		names := make([]string, len(c.Functions))
		for i, f := range c.Functions {
			names[i] = f.Name
		}
		if err := errors.Join(c.Faults.Validate(), c.Faults.CheckFunctions(names)); err != nil {
			faults = append(faults, fmt.Errorf("faults: %w", err))
		}
	}
	return faults
}

// setAside is what a function takes of the account's concurrency for itself.
func (f Function) setAside() int {
	if f.ReservedConcurrency != nil {
		return max(0, *f.ReservedConcurrency)
	}
	n := 0
	for _, ahead := range f.Provisioned {
		n += max(0, ahead)
	}
	return n
}

func (f Function) faults() []error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if !functionPattern.MatchString(f.Name) {
		fault("name: want 1 to 64 letters, digits, - and _")
	}
	if f.MemoryMB < 128 || f.MemoryMB > 10240 {
		fault("memory %d MB: want 128 to 10240", f.MemoryMB)
	}
	if f.EphemeralMB < 512 || f.EphemeralMB > 10240 {
		fault("ephemeral storage %d MB: want 512 to 10240", f.EphemeralMB)
	}
	if f.Timeout < time.Millisecond || f.Timeout > maxTimeout {
		fault("timeout %v: want more than 0 and at most 900 s", f.Timeout)
	}
	if f.ReservedConcurrency != nil && *f.ReservedConcurrency < 0 {
		fault("reserved concurrency %d: want 0 or more", *f.ReservedConcurrency)
	}
	numbers := map[string]bool{latest: true}
	for _, v := range f.published() {
		if v.Number != latest && (!numberPattern.MatchString(v.Number) || numbers[v.Number]) {
			fault("version %q: want a positive number that stands once", v.Number)
		}
		numbers[v.Number] = true
		for _, err := range v.faults() {
			fault("version %s: %w", v.Number, err)
		}
	}
	faults = append(faults, f.provisionedFaults()...)
	for alias, number := range f.Aliases {
		if !aliasPattern.MatchString(alias) || digitsPattern.MatchString(alias) {
			fault("alias %q: want letters, digits, - and _, and not digits alone", alias)
		}
		if !numbers[number] {
			fault("alias %q leads to version %q, which does not exist", alias, number)
		}
	}
	return faults
}

func (v Version) faults() []error {
	var faults []error
	size := 0
	for name, value := range v.Env {
		size += len(name) + len(value)
		if reservedVariable(name) {
			faults = append(faults, fmt.Errorf("environment variable %s is reserved by Lambda; choose another name", name))
		} else if !variablePattern.MatchString(name) || strings.IndexByte(value, 0) >= 0 {
			faults = append(faults, fmt.Errorf("environment variable %q: want a name of two or more letters, digits and _ that begins with a letter, and no NUL in the value", name))
		}
	}
	if size > maxEnvironment {
		faults = append(faults, fmt.Errorf("environment variables take %d bytes; Lambda allows %d", size, maxEnvironment))
	}
	files := make([]tasktree.File, len(v.Files))
	found := filepath.IsAbs(v.Command[0])
	for i, file := range v.Files {
		files[i] = tasktree.File(file)
		found = found || file.Name == filepath.ToSlash(filepath.Clean(v.Command[0]))
	}
	if err := tasktree.Check(files); err != nil {
		faults = append(faults, err)
	}
	if !found {
		faults = append(faults, fmt.Errorf("program %q is neither an absolute path nor one of the files of the task root", v.Command[0]))
	}
	return faults
}

// reservedVariable reports whether Lambda sets the variable itself and refuses a
// function that sets it.
func reservedVariable(name string) bool {
	switch name {
	case "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_REGION", "AWS_EXECUTION_ENV", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID",
		"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR":
		return true
	}
	return strings.HasPrefix(name, "AWS_LAMBDA_FUNCTION_") || strings.HasPrefix(name, "AWS_LAMBDA_LOG_") ||
		name == "AWS_LAMBDA_RUNTIME_API" || name == "AWS_LAMBDA_INITIALIZATION_TYPE"
}

// published returns $LATEST and the published versions, with what each inherits.
func (f Function) published() []Version {
	base := Version{Number: latest, Handler: f.Handler, Command: f.Command, Env: f.Env, Files: f.Files}
	all := []Version{base}
	for _, v := range f.Versions {
		v.Handler = cmp.Or(v.Handler, base.Handler)
		if len(v.Command) == 0 {
			v.Command = base.Command
		}
		if v.Env == nil {
			v.Env = base.Env
		}
		if v.Files == nil {
			v.Files = base.Files
		}
		all = append(all, v)
	}
	return all
}
