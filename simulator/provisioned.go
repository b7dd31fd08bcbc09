//go:build unix

package simulator

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/shardwise/shardwise/simulator/internal/sandbox"
)

// aheadOf is the specification of environments that are started before they are invoked: they have more time for INIT,
// and are told so.
func aheadOf(spec *sandbox.Spec) *sandbox.Spec {
	ahead := *spec
	ahead.InitTimeout = max(provisionedInit, spec.Timeout)
	ahead.Environ = slices.Clone(spec.Environ)
	for i, entry := range ahead.Environ {
		if entry == initOnDemand {
			ahead.Environ[i] = initAhead
		}
	}
	return &ahead
}

// How a process was started, as it is told.
const (
	initOnDemand = "AWS_LAMBDA_INITIALIZATION_TYPE=on-demand"
	initAhead    = "AWS_LAMBDA_INITIALIZATION_TYPE=provisioned-concurrency"
)

// provisionAll begins to start what the configuration asks for.
func (s *Simulator) provisionAll() {
	for _, f := range s.functions {
		f.updating.Lock()
		for _, qualifier := range slices.Sorted(maps.Keys(f.Provisioned)) {
			s.provision(f, f.lookup(qualifier), qualifier, f.Provisioned[qualifier])
		}
		f.updating.Unlock()
	}
}

// provision sets a version's provisioned concurrency, 0 for none. It reports false, and changes nothing, when the
// limits do not leave so much. f.updating is held.
func (s *Simulator) provision(f *function, v *version, qualifier string, n int) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	total := n
	for _, other := range f.versions {
		if other != v {
			total += other.fleet.Status().Requested
		}
	}
	if !s.limits.provision(f.Name, total) {
		return false
	}
	if v.provisionedAs = qualifier; n == 0 {
		v.provisionedAs = ""
	}
	v.fleet.Set(n)
	return true
}

// provisionedConfig is the answer to calls about provisioned concurrency.
type provisionedConfig struct {
	FunctionArn  string `json:",omitempty"`
	Requested    int    `json:"RequestedProvisionedConcurrentExecutions"`
	Available    int    `json:"AvailableProvisionedConcurrentExecutions"`
	Allocated    int    `json:"AllocatedProvisionedConcurrentExecutions"`
	Status       string
	StatusReason string `json:",omitempty"`
	LastModified string
}

func describeProvisioned(v *version) provisionedConfig {
	st := v.fleet.Status()
	c := provisionedConfig{Requested: st.Requested, Available: st.Available, Allocated: st.Allocated, Status: "IN_PROGRESS",
		LastModified: st.Modified.UTC().Format("2006-01-02T15:04:05+0000")}
	switch {
	case st.Fault != nil:
		c.Status, c.StatusReason = "FAILED", "FUNCTION_ERROR_INIT_FAILURE: "+st.Fault.Error()
	case st.Available == st.Requested:
		c.Status = "READY"
	}
	return c
}

// published finds the published version of a request, which must name one or an alias of one.
func (s *Simulator) published(r *http.Request, name string) (*function, *version, string, *apiError) {
	f, v, qualifier, failed := s.resolve(r, name)
	if failed != nil {
		return nil, nil, "", failed
	}
	if qualifier == "" {
		return nil, nil, "", validationError("1 validation error detected: Value null at 'qualifier' failed to satisfy constraint: Member must not be null")
	}
	if v.Number == latest {
		return nil, nil, "", invalidParameter("Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
	}
	return f, v, qualifier, nil
}

// serveProvisioned serves Put-, Get-, Delete- and ListProvisionedConcurrencyConfigs.
func (s *Simulator) serveProvisioned(w http.ResponseWriter, r *http.Request, name string) *apiError {
	switch {
	case r.Method == http.MethodPut:
		return s.putProvisioned(w, r, name)
	case r.Method == http.MethodDelete:
		return s.deleteProvisioned(w, r, name)
	case r.Method == http.MethodGet && r.URL.Query().Get("List") == "ALL":
		return s.listProvisioned(w, r, name)
	case r.Method == http.MethodGet:
		return s.getProvisioned(w, r, name)
	}
	return unknownOperation(r)
}

func (s *Simulator) putProvisioned(w http.ResponseWriter, r *http.Request, name string) *apiError {
	f, v, qualifier, failed := s.published(r, name)
	if failed != nil {
		return failed
	}
	var wanted struct{ ProvisionedConcurrentExecutions *int }
	if failed := readFields(r, &wanted); failed != nil {
		return failed
	}
	n := wanted.ProvisionedConcurrentExecutions
	if n == nil || *n < 1 {
		return validationError("1 validation error detected: Value at 'provisionedConcurrentExecutions' failed to satisfy constraint: " +
			"Member must have value greater than or equal to 1")
	}
	f.updating.Lock()
	defer f.updating.Unlock()
	if as := v.provisionedAs; as != "" && as != qualifier {
		return invalidParameter("Version %s has its provisioned concurrency under the qualifier %s; delete that before it is put under %s", v.Number, as, qualifier)
	}
	if !s.provision(f, v, qualifier, *n) {
		return invalidParameter("Specified ProvisionedConcurrentExecutions for function exceeds what its reserved concurrency or the account's %d leave", s.cfg.MaxConcurrency)
	}
	return writeStatusJSON(w, http.StatusAccepted, describeProvisioned(v))
}

func (s *Simulator) getProvisioned(w http.ResponseWriter, r *http.Request, name string) *apiError {
	f, v, qualifier, failed := s.published(r, name)
	if failed != nil {
		return failed
	}
	f.updating.Lock()
	defer f.updating.Unlock()
	if v.provisionedAs != qualifier {
		return &apiError{status: http.StatusNotFound, code: "ProvisionedConcurrencyConfigNotFoundException", kind: "User",
			message: "No Provisioned Concurrency Config found for this function"}
	}
	return writeJSON(w, describeProvisioned(v))
}

func (s *Simulator) deleteProvisioned(w http.ResponseWriter, r *http.Request, name string) *apiError {
	f, v, qualifier, failed := s.published(r, name)
	if failed != nil {
		return failed
	}
	f.updating.Lock()
	defer f.updating.Unlock()
	if v.provisionedAs == qualifier { // what is not there need not be deleted
		s.provision(f, v, qualifier, 0)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Simulator) listProvisioned(w http.ResponseWriter, r *http.Request, name string) *apiError {
	f, failed := s.unqualified(r, name)
	if failed != nil {
		return failed
	}
	f.updating.Lock()
	defer f.updating.Unlock()
	byName := map[string]*version{}
	for _, published := range f.Versions {
		if v := f.lookup(published.Number); v.provisionedAs != "" {
			byName[v.provisionedAs] = v
		}
	}
	names, next, failed := paginate(r.URL.Query(), slices.Sorted(maps.Keys(byName)))
	if failed != nil {
		return failed
	}
	page := struct {
		Configs    []provisionedConfig `json:"ProvisionedConcurrencyConfigs"`
		NextMarker string              `json:",omitempty"`
	}{Configs: []provisionedConfig{}, NextMarker: next}
	for _, qualifier := range names {
		c := describeProvisioned(byName[qualifier])
		c.FunctionArn = functionARN(s.cfg.Region, s.cfg.Account, f.Name, qualifier)
		page.Configs = append(page.Configs, c)
	}
	return writeJSON(w, page)
}

// provisionedFaults checks the provisioned concurrency of the configuration.
func (f Function) provisionedFaults() []error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	under := map[string]string{}
	total := 0
	for _, qualifier := range slices.Sorted(maps.Keys(f.Provisioned)) {
		n := f.Provisioned[qualifier]
		number := cmp.Or(f.Aliases[qualifier], qualifier)
		if !slices.ContainsFunc(f.Versions, func(v Version) bool { return v.Number == number }) {
			fault("provisioned concurrency of %q: want a published version or an alias of one", qualifier)
		}
		if other, ok := under[number]; ok {
			fault("version %s has provisioned concurrency under %q and %q; one must do", number, other, qualifier)
		}
		under[number] = qualifier
		if n < 1 {
			fault("provisioned concurrency %d of %q: want 1 or more", n, qualifier)
		}
		total += max(0, n)
	}
	if f.ReservedConcurrency != nil && total > *f.ReservedConcurrency {
		fault("provisioned concurrency %d exceeds the reserved %d", total, *f.ReservedConcurrency)
	}
	return faults
}
