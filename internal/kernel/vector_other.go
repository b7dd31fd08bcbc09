//go:build !amd64

package kernel

func vectors() bool { return false }

const none = "kernel: this processor has no vector functions"

func dots8(dst, w *float32, stride uintptr, x *float32, k uintptr) { panic(none) }

func dots4x2(dst *float32, dstStride uintptr, w *float32, stride uintptr, x *float32, xStride, k uintptr) {
	panic(none)
}

func axpys8(dst, w *float32, stride uintptr, x *float32, n uintptr) { panic(none) }

func tile4x16(dst *float32, dstStride uintptr, w *float32, stride uintptr, x *float32, xStride, k uintptr) {
	panic(none)
}

func tile4x8(dst *float32, dstStride uintptr, w *float32, stride uintptr, x *float32, xStride, k uintptr, mask *uint32) {
	panic(none)
}

func tile8x8(dst *float32, dstStride uintptr, w *float32, stride uintptr, x *float32, xStride, k uintptr, mask *uint32) {
	panic(none)
}

func spread(dst *float32, stride uintptr, src *float32, n uintptr) { panic(none) }
