package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/shardwise/shardwise/internal/local"
	"github.com/shardwise/shardwise/simulator/faults"
	"github.com/shardwise/shardwise/simulator/network"
)

// conditionFlags say under what conditions the local functions run: the network between them, faults, and limits.
type conditionFlags struct {
	network, faults string
	seed            uint64
	memoryLimit     bool
}

// register adds the flags; memoryLimit is the default of the limit on memory.
func (c *conditionFlags) register(cmd *cobra.Command, memoryLimit bool) {
	fl := cmd.Flags()
	fl.StringVar(&c.network, "network", "", "add the latency of a `MODEL`: gillis or a JSON file (docs/simulator.md)")
	fl.StringVar(&c.faults, "faults", "", "`FILE` of faults to inject, JSON (docs/simulator.md)")
	fl.Uint64Var(&c.seed, "seed", 1, "what --network and --faults draw from: a `NUMBER`")
	fl.BoolVar(&c.memoryLimit, "memory-limit", memoryLimit, "kill a function that exceeds its memory, as Lambda does (Linux)")
}

// apply reads the files and enters the conditions.
func (c *conditionFlags) apply(config *local.Config) error {
	config.Seed, config.MemoryLimit = c.seed, c.memoryLimit
	var err error
	if c.network != "" {
		if config.Network, err = network.Load(c.network); err != nil {
			return asInput(fmt.Errorf("--network: %w", err))
		}
	}
	if c.faults != "" {
		if config.Faults, err = faults.Load(c.faults); err != nil {
			return asInput(fmt.Errorf("--faults: %w", err))
		}
		var names []string
		for _, f := range local.Functions(config.Model.Dir, config.Model.Manifest, config.Model.Fingerprint, config.Model.Deployment, config.Bootstrap) {
			names = append(names, f.Name)
		}
		if config.Tasks.Name != "" {
			names = append(names, config.Tasks.Name)
		}
		if err := config.Faults.CheckFunctions(names); err != nil {
			return asInput(fmt.Errorf("--faults: %w", err))
		}
	}
	return nil
}

// ruleFacts is what a rule of --faults has done.
type ruleFacts struct {
	faults.Rule
	Seen  int `json:"seen"`  // invocations of the functions that it names
	Fired int `json:"fired"` // of these, those that it struck
}

// rulesOf takes down the counts of a deployment.
func rulesOf(d *local.Deployment) []ruleFacts {
	var list []ruleFacts
	for _, c := range d.Faults() {
		list = append(list, ruleFacts{c.Rule, c.Seen, c.Fired})
	}
	return list
}

// line words a rule's count for people.
func (r ruleFacts) line() string {
	return fmt.Sprintf("fault        %s: fired %d of %s", r.Rule, r.Fired, count(int64(r.Seen), "invocation"))
}
