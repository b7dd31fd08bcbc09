//go:build unix

package simulator

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// alias is the AliasConfiguration of the API model.
type alias struct {
	AliasArn        string
	Name            string
	FunctionVersion string
	Description     string
}

func (s *Simulator) describeAlias(f *function, name string) alias {
	return alias{AliasArn: functionARN(s.cfg.Region, s.cfg.Account, f.Name, name), Name: name, FunctionVersion: f.Aliases[name]}
}

// listAliases serves ListAliases, by name.
func (s *Simulator) listAliases(w http.ResponseWriter, r *http.Request, name string) *apiError {
	f, failed := s.unqualified(r, name)
	if failed != nil {
		return failed
	}
	query := r.URL.Query()
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(f.Aliases)), func(a string) bool {
		wanted := query.Get("FunctionVersion")
		return wanted != "" && f.Aliases[a] != wanted
	})
	names, next, failed := paginate(query, names)
	if failed != nil {
		return failed
	}
	page := struct {
		Aliases    []alias
		NextMarker string `json:",omitempty"`
	}{Aliases: []alias{}, NextMarker: next}
	for _, name := range names {
		page.Aliases = append(page.Aliases, s.describeAlias(f, name))
	}
	return writeJSON(w, page)
}

// getAlias serves GetAlias.
func (s *Simulator) getAlias(w http.ResponseWriter, r *http.Request, name, wanted string) *apiError {
	f, failed := s.unqualified(r, name)
	if failed != nil {
		return failed
	}
	if _, ok := f.Aliases[wanted]; !ok {
		return &apiError{status: http.StatusNotFound, code: "ResourceNotFoundException", kind: "User",
			message: "Cannot find alias arn: " + functionARN(s.cfg.Region, s.cfg.Account, f.Name, wanted)}
	}
	return writeJSON(w, s.describeAlias(f, wanted))
}

// listVersions serves ListVersionsByFunction, $LATEST first.
func (s *Simulator) listVersions(w http.ResponseWriter, r *http.Request, name string) *apiError {
	f, failed := s.unqualified(r, name)
	if failed != nil {
		return failed
	}
	numbers := []string{latest}
	for _, v := range f.Versions {
		numbers = append(numbers, v.Number)
	}
	numbers, next, failed := paginate(r.URL.Query(), numbers)
	if failed != nil {
		return failed
	}
	page := struct {
		Versions   []configuration
		NextMarker string `json:",omitempty"`
	}{NextMarker: next}
	for _, number := range numbers {
		page.Versions = append(page.Versions, s.describe(f, f.lookup(number), number))
	}
	return writeJSON(w, page)
}

// paginate cuts out the page that a request asks for, at most 50 names, and
// returns the marker of the next one, empty after the last.
func paginate(query url.Values, names []string) (page []string, next string, failed *apiError) {
	limit := 50
	if text := query.Get("MaxItems"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 10000 {
			return nil, "", validationError("1 validation error detected: Value '%s' at 'maxItems' failed to satisfy constraint: "+
				"Member must have value between 1 and 10000", text)
		}
		limit = min(limit, n)
	}
	if marker := query.Get("Marker"); marker != "" {
		at := slices.Index(names, marker)
		if at < 0 {
			return nil, "", invalidParameter("Invalid value for pagination token: %s", marker)
		}
		names = names[at:]
	}
	if len(names) > limit {
		return names[:limit], names[limit], nil
	}
	return names, "", nil
}
