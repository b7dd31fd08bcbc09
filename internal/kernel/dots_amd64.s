#include "textflag.h"
#include "dots_amd64.h"

// Dot products of rows of w with rows of x, in the order of gonum's float32 dot product: of each 16 elements, those at
// 0-3 and 8-11 are added to four sums and those at 4-7 and 12-15 to four others; the others are added to the first four;
// then whole fours, then single elements, and the four sums in two halving steps. Here the eight sums of a row are one
// AVX register. A product is rounded before it is added.

// ROW adds the products of 8 elements of a row of w with those of x in Y8.
#define ROW(w, sums) \
	VMOVUPS w, Y9; \
	VMULPS  Y8, Y9, Y9; \
	VADDPS  Y9, sums, sums

// FOUR and ONE add those of the last elements, which stand in X8.
#define FOUR(w, sums) \
	VMOVUPS w, X9; \
	VMULPS  X8, X9, X9; \
	VADDPS  X9, sums, sums

#define ONE(w, sums) \
	VMOVSS w, X9; \
	VMULSS X8, X9, X9; \
	VADDSS X9, sums, sums

// func dots8(dst, w *float32, stride uintptr, x *float32, k uintptr)
TEXT ·dots8(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), R10
	MOVQ w+8(FP), SI
	MOVQ stride+16(FP), R8
	MOVQ x+24(FP), DX
	MOVQ k+32(FP), CX
	LEAQ (R8)(R8*2), R9
	LEAQ (SI)(R8*4), DI
	CLEAR
	MOVQ CX, BX
	SHRQ $4, BX
	JZ   fold

wide:
	VMOVUPS (DX), Y8
	EIGHT(ROW, 0, Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7)
	VMOVUPS 32(DX), Y8
	EIGHT(ROW, 32, Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7)
	ADDQ $64, SI
	ADDQ $64, DI
	ADDQ $64, DX
	DECQ BX
	JNZ  wide

fold:
	FOLDS
	MOVQ CX, BX
	SHRQ $2, BX
	ANDQ $3, BX
	JZ   singles

fours:
	VMOVUPS (DX), X8
	EIGHT(FOUR, 0, X0, X1, X2, X3, X4, X5, X6, X7)
	ADDQ $16, SI
	ADDQ $16, DI
	ADDQ $16, DX
	DECQ BX
	JNZ  fours

singles:
	ANDQ $3, CX
	JZ   store

single:
	VMOVSS (DX), X8
	EIGHT(ONE, 0, X0, X1, X2, X3, X4, X5, X6, X7)
	ADDQ $4, SI
	ADDQ $4, DI
	ADDQ $4, DX
	DECQ CX
	JNZ  single

store:
	STORES
	VZEROUPPER
	RET

// BOTH adds the products of 8 elements of a row of w with those of two rows of x, in Y8 and Y10.
#define BOTH(w, first, second) \
	VMOVUPS w, Y9; \
	VMULPS  Y8, Y9, Y11; \
	VMULPS  Y10, Y9, Y12; \
	VADDPS  Y11, first, first; \
	VADDPS  Y12, second, second

#define BOTHFOUR(w, first, second) \
	VMOVUPS w, X9; \
	VMULPS  X8, X9, X11; \
	VMULPS  X10, X9, X12; \
	VADDPS  X11, first, first; \
	VADDPS  X12, second, second

#define BOTHONE(w, first, second) \
	VMOVSS w, X9; \
	VMULSS X8, X9, X11; \
	VMULSS X10, X9, X12; \
	VADDSS X11, first, first; \
	VADDSS X12, second, second

// PAIRS applies one of them to four rows of w.
#define PAIRS(what, off, a, b, c, d, e, f, g, h) \
	what(off(SI), a, e); \
	what(off(SI)(R8*1), b, f); \
	what(off(SI)(R8*2), c, g); \
	what(off(SI)(R9*1), d, h)

// func dots4x2(dst *float32, dstStride uintptr, w *float32, stride uintptr, x *float32, xStride, k uintptr)
TEXT ·dots4x2(SB), NOSPLIT, $0-56
	MOVQ dst+0(FP), R10
	MOVQ dstStride+8(FP), R11
	MOVQ w+16(FP), SI
	MOVQ stride+24(FP), R8
	MOVQ x+32(FP), DX
	MOVQ xStride+40(FP), DI
	MOVQ k+48(FP), CX
	LEAQ (R8)(R8*2), R9
	ADDQ DX, DI
	CLEAR
	MOVQ CX, BX
	SHRQ $4, BX
	JZ   fold

wide:
	VMOVUPS (DX), Y8
	VMOVUPS (DI), Y10
	PAIRS(BOTH, 0, Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7)
	VMOVUPS 32(DX), Y8
	VMOVUPS 32(DI), Y10
	PAIRS(BOTH, 32, Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7)
	ADDQ $64, SI
	ADDQ $64, DI
	ADDQ $64, DX
	DECQ BX
	JNZ  wide

fold:
	FOLDS
	MOVQ CX, BX
	SHRQ $2, BX
	ANDQ $3, BX
	JZ   singles

fours:
	VMOVUPS (DX), X8
	VMOVUPS (DI), X10
	PAIRS(BOTHFOUR, 0, X0, X1, X2, X3, X4, X5, X6, X7)
	ADDQ $16, SI
	ADDQ $16, DI
	ADDQ $16, DX
	DECQ BX
	JNZ  fours

singles:
	ANDQ $3, CX
	JZ   store

single:
	VMOVSS (DX), X8
	VMOVSS (DI), X10
	PAIRS(BOTHONE, 0, X0, X1, X2, X3, X4, X5, X6, X7)
	ADDQ $4, SI
	ADDQ $4, DI
	ADDQ $4, DX
	DECQ CX
	JNZ  single

store:
	STORE(X0, 0(R10))
	STORE(X1, 4(R10))
	STORE(X2, 8(R10))
	STORE(X3, 12(R10))
	ADDQ R11, R10
	STORE(X4, 0(R10))
	STORE(X5, 4(R10))
	STORE(X6, 8(R10))
	STORE(X7, 12(R10))
	VZEROUPPER
	RET
