#include "textflag.h"
#include "dots_amd64.h"

// Dot products and sums of rows of weights that are F16 or BF16, widened on the way; the order is that of dots_amd64.s and
// sums_amd64.s.

// ROWF16 and ROWBF16 add the products of 8 elements of a row of w with those of x in Y8.
#define ROWF16(w, sums) \
	VCVTPH2PS w, Y9; \
	VMULPS    Y8, Y9, Y9; \
	VADDPS    Y9, sums, sums

#define ROWBF16(w, sums) \
	VPMOVZXWD w, Y9; \
	VPSLLD    $16, Y9, Y9; \
	VMULPS    Y8, Y9, Y9; \
	VADDPS    Y9, sums, sums

// DOTS is dots8 with one of them, its arguments loaded.
#define DOTS(row) \
	LEAQ (R8)(R8*2), R9; \
	LEAQ (SI)(R8*4), DI; \
	CLEAR; \
	SHRQ $4, CX; \
loop: \
	VMOVUPS 0(DX), Y8; \
	EIGHT(row, 0, Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7); \
	VMOVUPS 32(DX), Y8; \
	EIGHT(row, 16, Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7); \
	ADDQ $32, SI; \
	ADDQ $32, DI; \
	ADDQ $64, DX; \
	DECQ CX; \
	JNZ  loop; \
	FOLDS; \
	STORES; \
	VZEROUPPER; \
	RET

// ADDF16 and ADDBF16 add 16 elements of a row of w, times the element of x in eight lanes, to Y0 and Y1.
#define ADDF16(w, wEnd, x) \
	VCVTPH2PS w, Y2; \
	VCVTPH2PS wEnd, Y3; \
	VMULPS    x, Y2, Y2; \
	VMULPS    x, Y3, Y3; \
	VADDPS    Y0, Y2, Y0; \
	VADDPS    Y1, Y3, Y1

#define ADDBF16(w, wEnd, x) \
	VPMOVZXWD w, Y2; \
	VPMOVZXWD wEnd, Y3; \
	VPSLLD    $16, Y2, Y2; \
	VPSLLD    $16, Y3, Y3; \
	VMULPS    x, Y2, Y2; \
	VMULPS    x, Y3, Y3; \
	VADDPS    Y0, Y2, Y0; \
	VADDPS    Y1, Y3, Y1

// AXPYS is axpys8 with one of them, its arguments loaded.
#define AXPYS(add) \
	LEAQ (R8)(R8*2), R9; \
	LEAQ (SI)(R8*4), DI; \
	VBROADCASTSS 0(DX), Y8; \
	VBROADCASTSS 4(DX), Y9; \
	VBROADCASTSS 8(DX), Y10; \
	VBROADCASTSS 12(DX), Y11; \
	VBROADCASTSS 16(DX), Y12; \
	VBROADCASTSS 20(DX), Y13; \
	VBROADCASTSS 24(DX), Y14; \
	VBROADCASTSS 28(DX), Y15; \
	SHRQ $4, CX; \
loop: \
	VMOVUPS 0(R10), Y0; \
	VMOVUPS 32(R10), Y1; \
	add(0(SI), 16(SI), Y8); \
	add(0(SI)(R8*1), 16(SI)(R8*1), Y9); \
	add(0(SI)(R8*2), 16(SI)(R8*2), Y10); \
	add(0(SI)(R9*1), 16(SI)(R9*1), Y11); \
	add(0(DI), 16(DI), Y12); \
	add(0(DI)(R8*1), 16(DI)(R8*1), Y13); \
	add(0(DI)(R8*2), 16(DI)(R8*2), Y14); \
	add(0(DI)(R9*1), 16(DI)(R9*1), Y15); \
	VMOVUPS Y0, 0(R10); \
	VMOVUPS Y1, 32(R10); \
	ADDQ $32, SI; \
	ADDQ $32, DI; \
	ADDQ $64, R10; \
	DECQ CX; \
	JNZ  loop; \
	VZEROUPPER; \
	RET

// func dots8F16(dst *float32, w *uint16, stride uintptr, x *float32, k uintptr)
TEXT ·dots8F16(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), R10
	MOVQ w+8(FP), SI
	MOVQ stride+16(FP), R8
	MOVQ x+24(FP), DX
	MOVQ k+32(FP), CX
	DOTS(ROWF16)

// func dots8BF16(dst *float32, w *uint16, stride uintptr, x *float32, k uintptr)
TEXT ·dots8BF16(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), R10
	MOVQ w+8(FP), SI
	MOVQ stride+16(FP), R8
	MOVQ x+24(FP), DX
	MOVQ k+32(FP), CX
	DOTS(ROWBF16)

// func axpys8F16(dst *float32, w *uint16, stride uintptr, x *float32, n uintptr)
TEXT ·axpys8F16(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), R10
	MOVQ w+8(FP), SI
	MOVQ stride+16(FP), R8
	MOVQ x+24(FP), DX
	MOVQ n+32(FP), CX
	AXPYS(ADDF16)

// func axpys8BF16(dst *float32, w *uint16, stride uintptr, x *float32, n uintptr)
TEXT ·axpys8BF16(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), R10
	MOVQ w+8(FP), SI
	MOVQ stride+16(FP), R8
	MOVQ x+24(FP), DX
	MOVQ n+32(FP), CX
	AXPYS(ADDBF16)
