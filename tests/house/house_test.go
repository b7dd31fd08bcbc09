package house

import (
	"strings"
	"testing"
)

// rule is one house rule: check returns every breach as "place: what is wrong", remedy says what to do about it.
type rule struct {
	name   string
	remedy string
	check  func(*tree) []string
}

// rules are all house rules that look at source text alone.
func rules() []rule {
	return []rule{
		{"import-direction", "move the code, or hand the value in through an interface of the importing package; rooms and their imports are listed in tests/house/imports_test.go", checkImports},
		{"file-length", "split the file by theme", checkFileLength},
		{"function-length", "name the parts and move them out", checkFunctionLength},
		{"main-length", "cmd/* only wires and exits: move the rest to internal/cli or internal/bootstrap", checkMainLength},
		{"package-comment", "say in doc.go what the package is, what it is not, its invariants and who may call it", checkPackageComment},
		{"exported-comment", "state the contract: shapes, units, ownership, concurrency, errors", checkExportedComment},
		{"package-state", "pass it in, or keep it in a struct that its owner makes", checkPackageState},
		{"no-init", "register and prepare explicitly, where the value is made", checkInit},
		{"environment", "read it in cmd, internal/cli or internal/bootstrap and pass it down as configuration", checkEnvironment},
		{"forbidden-words", "finish it, or file it; and write for readers who have only this repository", checkWords},
		{"goroutine-leaks", "add a TestMain with goleak.VerifyTestMain(m)", checkGoleak},
		{"test-asserts", "make the test fail when what its name says is not so", checkTestsAssert},
		{"decoder-fuzz", "add a Fuzz target with seeds at the limits", checkFuzz},
	}
}

// TestRepositoryKeepsTheHouseRules runs every rule over the checkout.
func TestRepositoryKeepsTheHouseRules(t *testing.T) {
	repo := repository(t)
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			if faults := r.check(repo); len(faults) > 0 {
				t.Errorf("%d breaches of %s; what to do: %s\n\t%s", len(faults), r.name, r.remedy, strings.Join(faults, "\n\t"))
			}
		})
	}
}
