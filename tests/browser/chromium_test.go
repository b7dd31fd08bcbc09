package browser_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// envRequire turns a missing browser from a skipped test into a failed one.
const envRequire = "SHARDWISE_REQUIRE_BROWSER"

// patience is how long a test waits for something to appear.
const patience = 60 * time.Second

var screenshots = flag.String("screenshots", "", "leave pictures of the pages in this `directory`")

// browser is a Chromium that runs for one test, with one page.
type browser struct {
	t       *testing.T
	to      io.Writer
	session string

	mu      sync.Mutex
	next    int
	waiting map[int]chan reply
	faults  []string // console errors, exceptions and failed loads
}

type reply struct {
	Result json.RawMessage
	Error  *struct{ Message string }
}

// open starts Chromium with an empty page of that size.
func open(t *testing.T, width, height int) *browser {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" {
		text := "no Chromium is installed here (chromium, chromium-browser, google-chrome): the pages are not looked at"
		if os.Getenv(envRequire) == "1" {
			t.Fatal(text)
		}
		t.Skip(text)
	}
	commands, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	from, answers, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	profile, err := os.MkdirTemp("", "shardwise-browser-")
	if err != nil {
		t.Fatal(err)
	}
	ctx, kill := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars",
		"--user-data-dir="+profile, "--remote-debugging-pipe", "about:blank")
	cmd.ExtraFiles = []*os.File{commands, answers}
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &log, &log, 5*time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, to: to, waiting: map[int]chan reply{}}
	read := make(chan struct{})
	go func() {
		defer close(read)
		b.read(from)
	}()
	t.Cleanup(func() {
		b.try("Browser.close", nil)
		timer := time.AfterFunc(10*time.Second, kill)
		_ = cmd.Wait() // how it ended says nothing of the pages
		timer.Stop()
		kill()
		for _, f := range []*os.File{commands, answers, to, from} {
			_ = f.Close()
		}
		<-read
		removeProfile(t, profile)
		if t.Failed() {
			t.Logf("chromium said:\n%s", log.String())
		}
	})
	b.attach(width, height)
	return b
}

// removeProfile removes the profile, in which helpers of the browser may still write for a moment.
func removeProfile(t *testing.T, dir string) {
	var err error
	for range 50 {
		if err = os.RemoveAll(dir); err == nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error(err)
}

// attach makes the page and asks to be told of what goes wrong in it.
func (b *browser) attach(width, height int) {
	b.t.Helper()
	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var session struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &session)
	b.session = session.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log"} {
		b.call(domain+".enable", nil, nil)
	}
	b.size(width, height)
}

func (b *browser) size(width, height int) {
	b.t.Helper()
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}, nil)
}

// scheme chooses light or dark.
func (b *browser) scheme(name string) {
	b.t.Helper()
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": name}}}, nil)
}

// read takes in what the browser says: messages that end with a zero byte.
func (b *browser) read(from io.Reader) {
	r := bufio.NewReader(from)
	for {
		text, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var m struct {
			ID     int
			Method string
			Params json.RawMessage
			reply
		}
		if json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &m) != nil {
			continue
		}
		b.mu.Lock()
		if w := b.waiting[m.ID]; w != nil {
			delete(b.waiting, m.ID)
			w <- m.reply
		}
		if fault(m.Method, m.Params) {
			b.faults = append(b.faults, m.Method+" "+string(m.Params))
		}
		b.mu.Unlock()
	}
}

// fault says whether an event is a complaint.
func fault(method string, params json.RawMessage) bool {
	switch method {
	case "Runtime.exceptionThrown":
		return true
	case "Runtime.consoleAPICalled":
		return bytes.Contains(params, []byte(`"type":"error"`)) || bytes.Contains(params, []byte(`"type":"warning"`))
	case "Log.entryAdded":
		return bytes.Contains(params, []byte(`"level":"error"`)) || bytes.Contains(params, []byte(`"level":"warning"`))
	}
	return false
}

// try calls a method of the protocol.
func (b *browser) try(method string, params any) (json.RawMessage, error) {
	answer := make(chan reply, 1)
	b.mu.Lock()
	b.next++
	id := b.next
	b.waiting[id] = answer
	message := map[string]any{"id": id, "method": method}
	if params != nil {
		message["params"] = params
	}
	if b.session != "" && !strings.HasPrefix(method, "Browser.") && !strings.HasPrefix(method, "Target.") {
		message["sessionId"] = b.session
	}
	text, err := json.Marshal(message)
	if err == nil {
		_, err = b.to.Write(append(text, 0))
	}
	b.mu.Unlock()
	if err != nil {
		return nil, err
	}
	select {
	case r := <-answer:
		if r.Error != nil {
			return nil, errors.New(r.Error.Message)
		}
		return r.Result, nil
	case <-time.After(patience):
		return nil, fmt.Errorf("no answer in %v", patience)
	}
}

func (b *browser) call(method string, params, into any) {
	b.t.Helper()
	result, err := b.try(method, params)
	if err == nil && into != nil {
		err = json.Unmarshal(result, into)
	}
	if err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
}

func (b *browser) visit(url string) {
	b.t.Helper()
	b.call("Page.navigate", map[string]any{"url": url}, nil)
	b.until("document.readyState === 'complete' && location.href !== 'about:blank'")
}

// value evaluates a JavaScript expression.
func (b *browser) value(expression string, into any) {
	b.t.Helper()
	var r struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails json.RawMessage
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &r)
	if r.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s", expression, r.ExceptionDetails)
	}
	if err := json.Unmarshal(r.Result.Value, into); err != nil {
		b.t.Fatalf("%s: %v: %s", expression, err, r.Result.Value)
	}
}

// until waits for a JavaScript condition.
func (b *browser) until(condition string) {
	b.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		var ok bool
		b.value("Boolean("+condition+")", &ok)
		if ok {
			return
		}
	}
	var text string
	b.value("document.body.innerText", &text)
	b.t.Fatalf("waited in vain for %s; the page shows:\n%s", condition, text)
}

// text is what an element shows.
func (b *browser) text(selector string) string {
	b.t.Helper()
	var s string
	b.value(fmt.Sprintf("[...document.querySelectorAll(%q)].map((e) => e.innerText).join('\\n')", selector), &s)
	return s
}

// clean fails the test when the browser complained of anything.
func (b *browser) clean() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range b.faults {
		b.t.Errorf("the browser complains: %s", f)
	}
}

// fits fails the test when the page is wider than its window, or a card's content wider than the card: what has to be
// scrolled sideways is not seen.
func (b *browser) fits() {
	b.t.Helper()
	var cut []string
	b.value(`[...document.querySelectorAll('.card, .tiles div, header, footer')].filter((e) => e.scrollWidth > e.clientWidth + 1)
		.map((e) => window.innerWidth + ' px: ' + (e.parentElement.id || e.id || e.className) + ' shows ' + e.clientWidth + ' of ' + e.scrollWidth + ' pixels')`, &cut)
	for _, c := range cut {
		b.t.Errorf("content is cut off, at %s", c)
	}
	var over int
	b.value("document.documentElement.scrollWidth - window.innerWidth", &over)
	if over > 0 {
		b.t.Errorf("the page is %d pixels wider than its window", over)
	}
}

// picture leaves a screenshot of the whole page, if pictures were asked for.
func (b *browser) picture(name string) {
	b.t.Helper()
	if *screenshots == "" {
		return
	}
	var shot struct{ Data string }
	b.call("Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true}, &shot)
	data, err := base64.StdEncoding.DecodeString(shot.Data)
	if err == nil {
		err = os.WriteFile(filepath.Join(*screenshots, name+".png"), data, 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}
