#include "textflag.h"

// Conversions of 8 elements at a time; n is their number divided by 8, at least 1.

// BEGIN loads the addresses and n; NEXT goes on by so many bytes, or returns.
#define BEGIN \
	MOVQ dst+0(FP), DI; \
	MOVQ src+8(FP), SI; \
	MOVQ n+16(FP), CX

#define NEXT(from, to) \
	ADDQ $from, SI; \
	ADDQ $to, DI; \
	DECQ CX; \
	JNZ  loop; \
	VZEROUPPER; \
	RET

// func widenF16(dst *float32, src *uint16, n uintptr)
TEXT ·widenF16(SB), NOSPLIT, $0-24
	BEGIN

loop:
	VCVTPH2PS (SI), Y0
	VMOVUPS   Y0, (DI)
	NEXT(16, 32)

// func widenBF16(dst *float32, src *uint16, n uintptr)
TEXT ·widenBF16(SB), NOSPLIT, $0-24
	BEGIN

loop:
	VPMOVZXWD (SI), Y0
	VPSLLD    $16, Y0, Y0
	VMOVUPS   Y0, (DI)
	NEXT(16, 32)

// func narrowF16(dst *uint16, src *float32, n uintptr)
TEXT ·narrowF16(SB), NOSPLIT, $0-24
	BEGIN

loop:
	VMOVUPS   (SI), Y0
	VCVTPS2PH $0, Y0, (DI) // to nearest, ties to even
	NEXT(32, 16)

// func narrowBF16(dst *uint16, src *float32, n uintptr)
TEXT ·narrowBF16(SB), NOSPLIT, $0-24
	BEGIN
	VPCMPEQD Y12, Y12, Y12
	VPSRLD   $31, Y12, Y13 // 1
	VPSRLD   $17, Y12, Y14 // 0x7fff
	VPSLLD   $6, Y13, Y15  // 0x40, which makes a NaN quiet

loop:
	VMOVUPS (SI), Y0
	VPSRLD  $16, Y0, Y1
	VPAND   Y13, Y1, Y2
	VPADDD  Y14, Y0, Y3
	VPADDD  Y2, Y3, Y3
	VPSRLD  $16, Y3, Y3     // rounded to nearest, ties to even
	VPOR    Y15, Y1, Y1
	VCMPPS  $3, Y0, Y0, Y4  // where it is NaN
	VBLENDVPS Y4, Y1, Y3, Y3
	VEXTRACTI128 $1, Y3, X4
	VPACKUSDW X4, X3, X3
	VMOVUPS X3, (DI)
	NEXT(32, 16)

// func widenI8(dst *float32, src *byte, n uintptr, zero float32)
TEXT ·widenI8(SB), NOSPLIT, $0-28
	BEGIN
	VBROADCASTSS zero+24(FP), Y15

loop:
	VPMOVSXBD (SI), Y0
	VCVTDQ2PS Y0, Y0
	VSUBPS    Y15, Y0, Y0
	VMOVUPS   Y0, (DI)
	NEXT(8, 32)

// func widenU8(dst *float32, src *byte, n uintptr, zero float32)
TEXT ·widenU8(SB), NOSPLIT, $0-28
	BEGIN
	VBROADCASTSS zero+24(FP), Y15

loop:
	VPMOVZXBD (SI), Y0
	VCVTDQ2PS Y0, Y0
	VSUBPS    Y15, Y0, Y0
	VMOVUPS   Y0, (DI)
	NEXT(8, 32)
