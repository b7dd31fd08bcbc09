//go:build onnxruntime

package onnxruntime

import (
	"os"
	"path/filepath"
	"runtime"
	"sync"

	ort "github.com/yalue/onnxruntime_go"
)

// environment guards the library's environment, which is the process's: the binding keeps it in variables of its own,
// without a lock.
var environment sync.Mutex

// load brings the library up once in the life of the process. Path "" means the usual places.
func load(path string) error {
	environment.Lock()
	defer environment.Unlock()
	if ort.IsInitialized() {
		return nil
	}
	tried := []string{path}
	if path == "" {
		tried = usual()
	}
	for i, p := range tried {
		if _, err := os.Stat(p); err != nil {
			continue
		}
		ort.SetSharedLibraryPath(p)
		if err := ort.InitializeEnvironment(ort.WithLogLevelError()); err != nil {
			return &LibraryError{Tried: tried[:i+1], Cause: err}
		}
		return nil
	}
	return &LibraryError{Tried: tried}
}

// usual are the places where the library is looked for: beside the program, and where Lambda puts layers.
func usual() []string {
	name := "libonnxruntime.so.1"
	if runtime.GOOS == "darwin" {
		name = "libonnxruntime.1.dylib"
	}
	var places []string
	if exe, err := os.Executable(); err == nil {
		dir := filepath.Dir(exe)
		places = append(places, filepath.Join(dir, name), filepath.Join(dir, "lib", name))
	}
	return append(places, filepath.Join("/opt/lib", name))
}
