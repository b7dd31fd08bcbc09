// Package cli is the command line: it parses flags, calls the splitter, the local run and the dataset readers, and tells
// people and programs what happened.
//
// It holds no model logic and no protocol. Invariants: results go to standard output, everything else to standard error;
// with --json standard output holds exactly one JSON document; colour and progress bars appear on terminals only, and
// NO_COLOR is respected; the exit status is one of those of ExitStatus; when Run returns, every process it started has
// ended and every temporary folder is gone.
//
// cmd/shardwise calls Run; nothing else may import the package.
package cli
