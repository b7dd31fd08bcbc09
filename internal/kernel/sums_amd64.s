#include "textflag.h"

// Rows of w times elements of x, added to rows of dst one after the other, as gonum's Axpy adds them. A product is rounded
// before it is added.

// ADD adds 16 elements of a row of w, times the element of x in eight lanes, to Y0 and Y1.
#define ADD(w, wEnd, x) \
	VMOVUPS w, Y2; \
	VMOVUPS wEnd, Y3; \
	VMULPS  x, Y2, Y2; \
	VMULPS  x, Y3, Y3; \
	VADDPS  Y0, Y2, Y0; \
	VADDPS  Y1, Y3, Y1

// func axpys8(dst, w *float32, stride uintptr, x *float32, n uintptr)
TEXT ·axpys8(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), R10
	MOVQ w+8(FP), SI
	MOVQ stride+16(FP), R8
	MOVQ x+24(FP), DX
	MOVQ n+32(FP), CX
	LEAQ (R8)(R8*2), R9
	LEAQ (SI)(R8*4), DI
	VBROADCASTSS 0(DX), Y8
	VBROADCASTSS 4(DX), Y9
	VBROADCASTSS 8(DX), Y10
	VBROADCASTSS 12(DX), Y11
	VBROADCASTSS 16(DX), Y12
	VBROADCASTSS 20(DX), Y13
	VBROADCASTSS 24(DX), Y14
	VBROADCASTSS 28(DX), Y15
	SHRQ $4, CX
	JZ   done

loop:
	VMOVUPS 0(R10), Y0
	VMOVUPS 32(R10), Y1
	ADD(0(SI), 32(SI), Y8)
	ADD(0(SI)(R8*1), 32(SI)(R8*1), Y9)
	ADD(0(SI)(R8*2), 32(SI)(R8*2), Y10)
	ADD(0(SI)(R9*1), 32(SI)(R9*1), Y11)
	ADD(0(DI), 32(DI), Y12)
	ADD(0(DI)(R8*1), 32(DI)(R8*1), Y13)
	ADD(0(DI)(R8*2), 32(DI)(R8*2), Y14)
	ADD(0(DI)(R9*1), 32(DI)(R9*1), Y15)
	VMOVUPS Y0, 0(R10)
	VMOVUPS Y1, 32(R10)
	ADDQ $64, SI
	ADDQ $64, DI
	ADDQ $64, R10
	DECQ CX
	JNZ  loop

done:
	VZEROUPPER
	RET

// TILE adds 16 elements of a row of w in Y8 and Y9, times an element of x, to the sums of one row.
#define TILE(x, sums, sumsEnd) \
	VBROADCASTSS x, Y10; \
	VMULPS Y10, Y8, Y11; \
	VMULPS Y10, Y9, Y12; \
	VADDPS sums, Y11, sums; \
	VADDPS sumsEnd, Y12, sumsEnd

// func tile4x16(dst *float32, dstStride uintptr, w *float32, stride uintptr, x *float32, xStride, k uintptr)
TEXT ·tile4x16(SB), NOSPLIT, $0-56
	MOVQ dst+0(FP), DI
	MOVQ dstStride+8(FP), R8
	MOVQ w+16(FP), SI
	MOVQ stride+24(FP), R9
	MOVQ x+32(FP), DX
	MOVQ xStride+40(FP), R10
	MOVQ k+48(FP), CX
	LEAQ (R8)(R8*2), R12
	LEAQ (R10)(R10*2), R11
	VMOVUPS 0(DI), Y0
	VMOVUPS 32(DI), Y1
	VMOVUPS 0(DI)(R8*1), Y2
	VMOVUPS 32(DI)(R8*1), Y3
	VMOVUPS 0(DI)(R8*2), Y4
	VMOVUPS 32(DI)(R8*2), Y5
	VMOVUPS 0(DI)(R12*1), Y6
	VMOVUPS 32(DI)(R12*1), Y7

loop:
	VMOVUPS 0(SI), Y8
	VMOVUPS 32(SI), Y9
	TILE(0(DX), Y0, Y1)
	TILE(0(DX)(R10*1), Y2, Y3)
	TILE(0(DX)(R10*2), Y4, Y5)
	TILE(0(DX)(R11*1), Y6, Y7)
	ADDQ R9, SI
	ADDQ $4, DX
	DECQ CX
	JNZ  loop

	VMOVUPS Y0, 0(DI)
	VMOVUPS Y1, 32(DI)
	VMOVUPS Y2, 0(DI)(R8*1)
	VMOVUPS Y3, 32(DI)(R8*1)
	VMOVUPS Y4, 0(DI)(R8*2)
	VMOVUPS Y5, 32(DI)(R8*2)
	VMOVUPS Y6, 0(DI)(R12*1)
	VMOVUPS Y7, 32(DI)(R12*1)
	VZEROUPPER
	RET

// PART adds up to 8 elements of a row of w in Y8, times an element of x, to the sums of one row.
#define PART(x, sums) \
	VBROADCASTSS x, Y10; \
	VMULPS Y10, Y8, Y11; \
	VADDPS sums, Y11, sums

// func tile4x8(dst *float32, dstStride uintptr, w *float32, stride uintptr, x *float32, xStride, k uintptr, mask *uint32)
TEXT ·tile4x8(SB), NOSPLIT, $0-64
	MOVQ dst+0(FP), DI
	MOVQ dstStride+8(FP), R8
	MOVQ w+16(FP), SI
	MOVQ stride+24(FP), R9
	MOVQ x+32(FP), DX
	MOVQ xStride+40(FP), R10
	MOVQ k+48(FP), CX
	MOVQ mask+56(FP), AX
	LEAQ (R8)(R8*2), R12
	LEAQ (R10)(R10*2), R11
	VMOVUPS (AX), Y15
	VMASKMOVPS 0(DI), Y15, Y0
	VMASKMOVPS 0(DI)(R8*1), Y15, Y1
	VMASKMOVPS 0(DI)(R8*2), Y15, Y2
	VMASKMOVPS 0(DI)(R12*1), Y15, Y3

loop:
	VMASKMOVPS 0(SI), Y15, Y8
	PART(0(DX), Y0)
	PART(0(DX)(R10*1), Y1)
	PART(0(DX)(R10*2), Y2)
	PART(0(DX)(R11*1), Y3)
	ADDQ R9, SI
	ADDQ $4, DX
	DECQ CX
	JNZ  loop

	VMASKMOVPS Y0, Y15, 0(DI)
	VMASKMOVPS Y1, Y15, 0(DI)(R8*1)
	VMASKMOVPS Y2, Y15, 0(DI)(R8*2)
	VMASKMOVPS Y3, Y15, 0(DI)(R12*1)
	VZEROUPPER
	RET

// func tile8x8(dst *float32, dstStride uintptr, w *float32, stride uintptr, x *float32, xStride, k uintptr, mask *uint32)
TEXT ·tile8x8(SB), NOSPLIT, $0-64
	MOVQ dst+0(FP), DI
	MOVQ dstStride+8(FP), R8
	MOVQ w+16(FP), SI
	MOVQ stride+24(FP), R9
	MOVQ x+32(FP), DX
	MOVQ xStride+40(FP), R10
	MOVQ k+48(FP), CX
	MOVQ mask+56(FP), AX
	LEAQ (R8)(R8*2), R12
	LEAQ (R10)(R10*2), R11
	LEAQ (DI)(R8*4), R13
	LEAQ (DX)(R10*4), BX
	VMOVUPS (AX), Y15
	VMASKMOVPS 0(DI), Y15, Y0
	VMASKMOVPS 0(DI)(R8*1), Y15, Y1
	VMASKMOVPS 0(DI)(R8*2), Y15, Y2
	VMASKMOVPS 0(DI)(R12*1), Y15, Y3
	VMASKMOVPS 0(R13), Y15, Y4
	VMASKMOVPS 0(R13)(R8*1), Y15, Y5
	VMASKMOVPS 0(R13)(R8*2), Y15, Y6
	VMASKMOVPS 0(R13)(R12*1), Y15, Y7

loop:
	VMASKMOVPS 0(SI), Y15, Y8
	PART(0(DX), Y0)
	PART(0(DX)(R10*1), Y1)
	PART(0(DX)(R10*2), Y2)
	PART(0(DX)(R11*1), Y3)
	PART(0(BX), Y4)
	PART(0(BX)(R10*1), Y5)
	PART(0(BX)(R10*2), Y6)
	PART(0(BX)(R11*1), Y7)
	ADDQ R9, SI
	ADDQ $4, DX
	ADDQ $4, BX
	DECQ CX
	JNZ  loop

	VMASKMOVPS Y0, Y15, 0(DI)
	VMASKMOVPS Y1, Y15, 0(DI)(R8*1)
	VMASKMOVPS Y2, Y15, 0(DI)(R8*2)
	VMASKMOVPS Y3, Y15, 0(DI)(R12*1)
	VMASKMOVPS Y4, Y15, 0(R13)
	VMASKMOVPS Y5, Y15, 0(R13)(R8*1)
	VMASKMOVPS Y6, Y15, 0(R13)(R8*2)
	VMASKMOVPS Y7, Y15, 0(R13)(R12*1)
	VZEROUPPER
	RET

// func spread(dst *float32, stride uintptr, src *float32, n uintptr)
TEXT ·spread(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ stride+8(FP), R8
	MOVQ src+16(FP), SI
	MOVQ n+24(FP), CX
	TESTQ CX, CX
	JZ   done

loop:
	VMOVUPS 0(SI), Y0
	VMOVUPS 32(SI), Y1
	VMOVUPS Y0, 0(DI)
	VMOVUPS Y1, 32(DI)
	ADDQ $64, SI
	ADDQ R8, DI
	DECQ CX
	JNZ  loop

done:
	VZEROUPPER
	RET
