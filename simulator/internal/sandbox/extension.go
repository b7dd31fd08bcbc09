//go:build unix

package sandbox

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// serveExtension answers the Extensions API as far as an internal extension
// without events needs it: aws-lambda-go's WithEnableSIGTERM registers one, and
// its registration is what makes Lambda send SIGTERM before SIGKILL.
func (a *api) serveExtension(w http.ResponseWriter, r *http.Request, rest string) {
	switch {
	case rest == "register" && r.Method == http.MethodPost:
		a.register(w, r)
	case rest == "event/next" && r.Method == http.MethodGet:
		if r.Header.Get("Lambda-Extension-Identifier") == "" {
			refuse(w, http.StatusForbidden, "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header")
			return
		}
		// Without events to wait for, this never returns while the process lives.
		select {
		case <-a.gone:
		case <-r.Context().Done():
		}
	default:
		http.Error(w, "404 page not found", http.StatusNotFound)
	}
}

func (a *api) register(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Lambda-Extension-Name") == "" {
		refuse(w, http.StatusForbidden, "Extension.InvalidExtensionName", "Empty extension name")
		return
	}
	body, err := readBody(r, 64<<10, 512)
	var request struct {
		Events []string `json:"events"`
	}
	if err == nil {
		err = json.Unmarshal(body, &request)
	}
	if err != nil {
		refuse(w, http.StatusForbidden, "InvalidRequestFormat", err.Error())
		return
	}
	if len(request.Events) > 0 {
		refuse(w, http.StatusForbidden, "Extension.InvalidEventType", fmt.Sprintf(
			"%s: the simulator serves extensions that register for no events", strings.Join(request.Events, ", ")))
		return
	}
	a.mu.Lock()
	a.extension = true
	a.mu.Unlock()
	answer, err := json.Marshal(struct {
		Version string `json:"functionVersion"`
		Name    string `json:"functionName"`
		Handler string `json:"handler"`
	}{a.spec.Version, a.spec.Function, a.spec.Handler})
	if err != nil {
		refuse(w, http.StatusInternalServerError, "InternalServerError", err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Lambda-Extension-Identifier", rand.Text())
	_, _ = w.Write(answer)
}

// wantsSIGTERM reports whether the process registered an extension.
func (a *api) wantsSIGTERM() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.extension
}
