//go:build !amd64

package kernel

func converts() bool { return false }

func widenF16(dst *float32, src *uint16, n uintptr) { panic(none) }

func widenBF16(dst *float32, src *uint16, n uintptr) { panic(none) }

func narrowF16(dst *uint16, src *float32, n uintptr) { panic(none) }

func narrowBF16(dst *uint16, src *float32, n uintptr) { panic(none) }

func widenI8(dst *float32, src *byte, n uintptr, zero float32) { panic(none) }

func widenU8(dst *float32, src *byte, n uintptr, zero float32) { panic(none) }

func dots8F16(dst *float32, w *uint16, stride uintptr, x *float32, k uintptr) { panic(none) }

func dots8BF16(dst *float32, w *uint16, stride uintptr, x *float32, k uintptr) { panic(none) }

func axpys8F16(dst *float32, w *uint16, stride uintptr, x *float32, n uintptr) { panic(none) }

func axpys8BF16(dst *float32, w *uint16, stride uintptr, x *float32, n uintptr) { panic(none) }
