//go:build unix

package simulator

import (
	"encoding/json"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"time"
)

// configuration is the FunctionConfiguration of the API model, as far as the
// simulator has facts to fill it with.
type configuration struct {
	FunctionName     string
	FunctionArn      string
	Runtime          string
	Handler          string
	Version          string
	Timeout          int
	MemorySize       int
	PackageType      string
	Architectures    []string
	EphemeralStorage struct{ Size int }
	Environment      *variables `json:",omitempty"`
	State            string
	LastUpdateStatus string
}

type variables struct{ Variables map[string]string }

// describe words a version's configuration; qualifier is as asked for.
func (s *Simulator) describe(f *function, v *version, qualifier string) configuration {
	c := configuration{
		FunctionName: f.Name, FunctionArn: functionARN(s.cfg.Region, s.cfg.Account, f.Name, qualifier),
		Runtime: "provided.al2023", Handler: v.Handler, Version: v.Number, MemorySize: v.spec.MemoryMB,
		Timeout:     int((v.spec.Timeout + time.Second - 1) / time.Second),
		PackageType: "Zip", Architectures: []string{architecture()}, State: "Active", LastUpdateStatus: "Successful",
	}
	c.EphemeralStorage.Size = f.EphemeralMB
	if len(v.Env) > 0 {
		c.Environment = &variables{v.Env}
	}
	return c
}

func architecture() string {
	if runtime.GOARCH == "amd64" {
		return "x86_64"
	}
	return runtime.GOARCH
}

func (s *Simulator) getConfiguration(w http.ResponseWriter, r *http.Request, name string) *apiError {
	f, v, qualifier, failed := s.resolve(r, name)
	if failed != nil {
		return failed
	}
	return writeJSON(w, s.describe(f, v, qualifier))
}

func (s *Simulator) getFunction(w http.ResponseWriter, r *http.Request, name string) *apiError {
	f, v, qualifier, failed := s.resolve(r, name)
	if failed != nil {
		return failed
	}
	answer := map[string]any{"Configuration": s.describe(f, v, qualifier)}
	if reserved := s.reservedFor(f); len(reserved) > 0 {
		answer["Concurrency"] = reserved
	}
	return writeJSON(w, answer)
}

// listFunctions answers ListFunctions, by name, in pages of at most 50.
func (s *Simulator) listFunctions(w http.ResponseWriter, r *http.Request) *apiError {
	query := r.URL.Query()
	names, next, failed := paginate(query, slices.Sorted(maps.Keys(s.functions)))
	if failed != nil {
		return failed
	}
	page := struct {
		Functions  []configuration
		NextMarker string `json:",omitempty"`
	}{Functions: []configuration{}, NextMarker: next}
	for _, name := range names {
		f := s.functions[name]
		page.Functions = append(page.Functions, s.describe(f, f.lookup(latest), ""))
		if query.Get("FunctionVersion") == "ALL" {
			for _, v := range f.Versions {
				page.Functions = append(page.Functions, s.describe(f, f.lookup(v.Number), v.Number))
			}
		}
	}
	return writeJSON(w, page)
}

func writeJSON(w http.ResponseWriter, v any) *apiError { return writeStatusJSON(w, http.StatusOK, v) }

func writeStatusJSON(w http.ResponseWriter, status int, v any) *apiError {
	p, err := json.Marshal(v)
	if err != nil {
		return serviceError(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(p) // a client that has hung up is not told
	return nil
}
