//go:build unix

package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"
)

// maxExtensions is how many extensions a function may register, a quota of AWS Lambda.
const maxExtensions = 10

// extension is a registered extension.
type extension struct {
	name  string
	waits bool // has asked for an event, of which none comes
}

// Types of refusals, as in AWS's Runtime Interface Emulator.
const (
	extensionNoIdentifier  = "Extension.MissingExtensionIdentifier"
	extensionBadIdentifier = "Extension.InvalidExtensionIdentifier"
	extensionUnknown       = "Extension.UnknownExtensionIdentifier"
	extensionState         = "Extension.InvalidExtensionState"
	extensionNoName        = "Extension.InvalidExtensionName"
	extensionBadEvent      = "Extension.InvalidEventType"
	extensionTooMany       = "Extension.TooManyExtensions"
	extensionClosed        = "Extension.RegistrationClosed"
)

// serveExtension answers the Extensions API as far as an internal extension
// without events needs it: aws-lambda-go's WithEnableSIGTERM registers one, and
// its registration is what makes Lambda send SIGTERM before SIGKILL.
func (a *api) serveExtension(w http.ResponseWriter, r *http.Request, rest string) {
	switch {
	case rest == "register" && r.Method == http.MethodPost:
		a.register(w, r)
	case rest == "event/next" && r.Method == http.MethodGet:
		a.nextExtensionEvent(w, r.Header.Get("Lambda-Extension-Identifier"))
	default:
		http.Error(w, "404 page not found", http.StatusNotFound)
	}
}

// nextExtensionEvent lets the extension with that identifier wait. Without events to wait for, that is as long as the
// process lives; each extension waits once, so that what waits is bounded.
func (a *api) nextExtensionEvent(w http.ResponseWriter, identifier string) {
	if identifier == "" {
		refuse(w, http.StatusForbidden, extensionNoIdentifier, "Missing Lambda-Extension-Identifier header")
		return
	}
	id, err := uuid.Parse(identifier)
	if err != nil {
		refuse(w, http.StatusForbidden, extensionBadIdentifier, "Invalid Lambda-Extension-Identifier")
		return
	}
	a.mu.Lock()
	e := a.extensions[id]
	first := e != nil && !e.waits
	if first {
		e.waits = true
	}
	a.mu.Unlock()
	switch {
	case e == nil:
		refuse(w, http.StatusForbidden, extensionUnknown, "Unknown extension "+id.String())
	case !first:
		refuse(w, http.StatusForbidden, extensionState, fmt.Sprintf(
			"State transition from Ready to Ready failed for extension %s. Error: State transition is not allowed", id))
	default:
		<-a.gone
	}
}

func (a *api) register(w http.ResponseWriter, r *http.Request) {
	name := r.Header.Get("Lambda-Extension-Name")
	if name == "" {
		refuse(w, http.StatusForbidden, extensionNoName, "Empty extension name")
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
		refuse(w, http.StatusForbidden, extensionBadEvent, fmt.Sprintf(
			"%s: the simulator serves extensions that register for no events", strings.Join(request.Events, ", ")))
		return
	}
	answer, err := json.Marshal(struct {
		Version string `json:"functionVersion"`
		Name    string `json:"functionName"`
		Handler string `json:"handler"`
	}{a.spec.Version, a.spec.Function, a.spec.Handler})
	if err != nil {
		refuse(w, http.StatusInternalServerError, "InternalServerError", err.Error())
		return
	}
	id, kind, message := a.admit(name)
	if kind != "" {
		refuse(w, http.StatusForbidden, kind, message)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Lambda-Extension-Identifier", id.String())
	_, _ = w.Write(answer)
}

// admit enters an extension, or says why not: registration ends with INIT.
func (a *api) admit(name string) (id uuid.UUID, kind, message string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.state != stateStarted {
		return id, extensionClosed, "Extension registration closed already"
	}
	for _, e := range a.extensions {
		if e.name == name {
			return id, extensionState, "Extension with this name already registered"
		}
	}
	if len(a.extensions) == maxExtensions {
		return id, extensionTooMany, fmt.Sprintf("Extension limit (%d) reached", maxExtensions)
	}
	id = uuid.New()
	if a.extensions == nil {
		a.extensions = map[uuid.UUID]*extension{}
	}
	a.extensions[id] = &extension{name: name}
	return id, "", ""
}

// wantsSIGTERM reports whether the process registered an extension.
func (a *api) wantsSIGTERM() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.extensions) > 0
}
