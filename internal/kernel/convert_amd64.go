package kernel

import "golang.org/x/sys/cpu"

// converts reports whether this processor has the instructions (AVX2, F16C) of the functions below. Every x86-64 Lambda host has.
func converts() bool { return cpu.X86.HasAVX2 && cpu.X86.HasF16C }

// The functions convert 8 elements n times.

//go:noescape
func widenF16(dst *float32, src *uint16, n uintptr)

//go:noescape
func widenBF16(dst *float32, src *uint16, n uintptr)

//go:noescape
func narrowF16(dst *uint16, src *float32, n uintptr)

//go:noescape
func narrowBF16(dst *uint16, src *float32, n uintptr)

//go:noescape
func widenI8(dst *float32, src *byte, n uintptr, zero float32)

//go:noescape
func widenU8(dst *float32, src *byte, n uintptr, zero float32)
