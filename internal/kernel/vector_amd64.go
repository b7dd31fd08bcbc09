package kernel

import "golang.org/x/sys/cpu"

// vectors reports whether this processor has the instructions (AVX) of the functions below. Every x86-64 Lambda host has.
func vectors() bool { return cpu.X86.HasAVX }

// dots8 writes to dst the dot products of 8 rows of w, stride bytes apart, with x; all rows have k elements.
//
//go:noescape
func dots8(dst, w *float32, stride uintptr, x *float32, k uintptr)

// dots4x2 writes to two rows of dst, dstStride bytes apart, the dot products of 4 rows of w with two rows of x.
//
//go:noescape
func dots4x2(dst *float32, dstStride uintptr, w *float32, stride uintptr, x *float32, xStride, k uintptr)

// axpys8 adds to dst 8 rows of w, stride bytes apart, each times an element of x. Of the n columns the whole sixteens are added.
//
//go:noescape
func axpys8(dst, w *float32, stride uintptr, x *float32, n uintptr)

// tile4x16 adds to 4 rows of 16 columns of dst the products of 4 rows of x, of k > 0 elements, with k rows of w. Strides are in bytes.
//
//go:noescape
func tile4x16(dst *float32, dstStride uintptr, w *float32, stride uintptr, x *float32, xStride, k uintptr)

// tile4x8 is tile4x16 of the columns that the 8 words of mask choose with their upper bits; the others are neither read nor written.
//
//go:noescape
func tile4x8(dst *float32, dstStride uintptr, w *float32, stride uintptr, x *float32, xStride, k uintptr, mask *uint32)

// tile8x8 is tile4x8 of 8 rows.
//
//go:noescape
func tile8x8(dst *float32, dstStride uintptr, w *float32, stride uintptr, x *float32, xStride, k uintptr, mask *uint32)

// spread copies n pieces of 16 elements that follow each other to places stride bytes apart.
//
//go:noescape
func spread(dst *float32, stride uintptr, src *float32, n uintptr)
