package cli

import (
	"runtime"

	"github.com/spf13/cobra"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/shard/wire"
)

// versionFacts is the document of version --json.
type versionFacts struct {
	Version  string `json:"version"`
	Manifest string `json:"manifest"`
	Protocol int    `json:"protocol"`
	Platform string `json:"platform"`
}

func (a *App) version() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "print the version, and the formats it writes",
		Example: "  shardwise version",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := versionFacts{a.Version, manifest.Format, wire.Version, runtime.GOOS + "/" + runtime.GOARCH}
			if asJSON {
				return a.printJSON(v)
			}
			return a.print([]byte("shardwise " + v.Version + " " + v.Platform + ", manifests " + v.Manifest + "\n"))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}
