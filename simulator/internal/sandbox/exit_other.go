//go:build unix && !linux

package sandbox

import "syscall"

// exitHandle would tell when a process ends; here the process itself is waited for.
type exitHandle struct{}

func (*exitHandle) attach(*syscall.SysProcAttr) {}
func (*exitHandle) wait()                       {}
func (*exitHandle) close()                      {}
