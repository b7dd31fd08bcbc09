package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shardwise/shardwise/shard"
)

// errorDocument is what --json prints instead of the command's document when the command fails.
type errorDocument struct {
	Error errorFacts `json:"error"`
}

type errorFacts struct {
	Status  int    `json:"status"`
	Kind    string `json:"kind,omitempty"` // of docs/errors.md, when a function or its client failed
	Message string `json:"message"`
}

// documentError prints the error as a document when --json was given and no document has been printed. Its own failure is
// the error's companion on standard error.
func (a *App) documentError(cmd *cobra.Command, err error, status int) error {
	flag := cmd.Flags().Lookup("json")
	if a.documented || flag == nil || flag.Value.String() != "true" {
		return nil
	}
	if output := cmd.Flags().Lookup("output"); output != nil && output.Value.String() == "-" {
		return nil // standard output was asked for as CSV
	}
	f := errorFacts{Status: status, Message: strings.TrimSpace(err.Error())}
	var failed *shard.Error
	if errors.As(err, &failed) {
		f.Kind = failed.Kind.String()
	}
	return a.printJSON(errorDocument{f})
}
