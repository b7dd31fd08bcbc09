//go:build unix

package sandbox

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"
)

const (
	registerPath  = "/2020-01-01/extension/register"
	eventPath     = "/2020-01-01/extension/event/next"
	noEvents      = `{"events":null}`
	extensionName = "Lambda-Extension-Name"
	extensionID   = "Lambda-Extension-Identifier"
)

// registered registers an extension and returns its identifier.
func registered(c runtimeClient, name string) string {
	c.t.Helper()
	w := c.do(http.MethodPost, registerPath, noEvents, extensionName, name)
	c.want(w, 200, `{"functionVersion":"7","functionName":"f","handler":"h"}`)
	return w.Header().Get(extensionID)
}

func refused(kind, message string) string {
	return fmt.Sprintf(`{"errorMessage":"%s","errorType":"Extension.%s"}`, message, kind)
}

func TestAnExtensionWithoutEventsRegistersAndWaitsOnce(t *testing.T) {
	c := runtimeClient{t, newAPI(&Spec{Function: "f", Version: "7", Handler: "h"})}
	if c.api.wantsSIGTERM() {
		t.Error("SIGTERM is wanted before an extension has registered")
	}
	key := registered(c, "GoLangEnableSIGTERM")
	if uuid.Validate(key) != nil || !c.api.wantsSIGTERM() {
		t.Fatalf("identifier %q, wants SIGTERM %v", key, c.api.wantsSIGTERM())
	}
	answers := make(chan *httptest.ResponseRecorder)
	for range 2 {
		go func() { answers <- c.do(http.MethodGet, eventPath, "", extensionID, key) }()
	}
	c.want(<-answers, 403, refused("InvalidExtensionState",
		"State transition from Ready to Ready failed for extension "+key+". Error: State transition is not allowed"))
	select {
	case <-answers:
		t.Error("event/next returned while the process lives")
	case <-time.After(20 * time.Millisecond):
	}
	close(c.api.gone)
	<-answers
}

func TestAnIdentifierThatWasNotGivenIsUnknown(t *testing.T) {
	c := runtimeClient{t, newAPI(&Spec{Function: "f", Version: "7", Handler: "h"})}
	registered(c, "one")
	const other = "11111111-2222-4333-8444-555555555555"
	c.want(c.do(http.MethodGet, eventPath, "", extensionID, other), 403, refused("UnknownExtensionIdentifier", "Unknown extension "+other))
	c.want(c.do(http.MethodGet, eventPath, "", extensionID, "one"), 403, refused("InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier"))
	c.want(c.do(http.MethodGet, eventPath, ""), 403, refused("MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header"))
}

func TestRegistrationIsBoundedAndEndsWithINIT(t *testing.T) {
	c := runtimeClient{t, newAPI(&Spec{Function: "f", Version: "7", Handler: "h"})}
	for i := range maxExtensions {
		registered(c, fmt.Sprint("extension ", i))
		if i == 0 {
			c.want(c.do(http.MethodPost, registerPath, noEvents, extensionName, "extension 0"), 403,
				refused("InvalidExtensionState", "Extension with this name already registered"))
		}
	}
	c.want(c.do(http.MethodPost, registerPath, noEvents, extensionName, "one more"), 403, refused("TooManyExtensions", "Extension limit (10) reached"))
	c, _ = running(t)
	c.want(c.do(http.MethodPost, registerPath, noEvents, extensionName, "late"), 403, refused("RegistrationClosed", "Extension registration closed already"))
	if c.api.wantsSIGTERM() {
		t.Error("SIGTERM is wanted by an extension that was refused")
	}
}

func TestAnExtensionThatAsksForMoreIsRefused(t *testing.T) {
	c := runtimeClient{t, newAPI(&Spec{})}
	c.want(c.do(http.MethodPost, registerPath, `{"events":["INVOKE"]}`, extensionName, "x"), 403,
		refused("InvalidEventType", "INVOKE: the simulator serves extensions that register for no events"))
	for _, bad := range []string{`{`, ``} {
		if w := c.do(http.MethodPost, registerPath, bad, extensionName, "x"); w.Code != 403 {
			t.Errorf("register with body %q: status %d, want 403", bad, w.Code)
		}
	}
	c.want(c.do(http.MethodPost, registerPath, `{}`), 403, refused("InvalidExtensionName", "Empty extension name"))
}
