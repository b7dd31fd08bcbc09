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

// The functions that multiply halves are dots8 and axpys8 of weights that are halves; k and n must be multiples of 16, at least 16.

//go:noescape
func dots8F16(dst *float32, w *uint16, stride uintptr, x *float32, k uintptr)

//go:noescape
func dots8BF16(dst *float32, w *uint16, stride uintptr, x *float32, k uintptr)

//go:noescape
func axpys8F16(dst *float32, w *uint16, stride uintptr, x *float32, n uintptr)

//go:noescape
func axpys8BF16(dst *float32, w *uint16, stride uintptr, x *float32, n uintptr)
