// What the dot products of all types of weights share: Y0 to Y7 are the sums of eight rows, eight for each.

// FOLD adds the upper four sums to the lower four.
#define FOLD(wide, sums) \
	VEXTRACTF128 $1, wide, X9; \
	VADDPS X9, sums, sums

// STORE adds the four sums and writes the result.
#define STORE(sums, to) \
	VHADDPS sums, sums, sums; \
	VHADDPS sums, sums, sums; \
	VMOVSS  sums, to

#define CLEAR \
	VXORPS Y0, Y0, Y0; \
	VXORPS Y1, Y1, Y1; \
	VXORPS Y2, Y2, Y2; \
	VXORPS Y3, Y3, Y3; \
	VXORPS Y4, Y4, Y4; \
	VXORPS Y5, Y5, Y5; \
	VXORPS Y6, Y6, Y6; \
	VXORPS Y7, Y7, Y7

#define FOLDS \
	FOLD(Y0, X0); \
	FOLD(Y1, X1); \
	FOLD(Y2, X2); \
	FOLD(Y3, X3); \
	FOLD(Y4, X4); \
	FOLD(Y5, X5); \
	FOLD(Y6, X6); \
	FOLD(Y7, X7)

// EIGHT applies one of the macros above to eight rows: four from SI and four from DI, R8 bytes apart (R9 is three times that).
#define EIGHT(what, off, a, b, c, d, e, f, g, h) \
	what(off(SI), a); \
	what(off(SI)(R8*1), b); \
	what(off(SI)(R8*2), c); \
	what(off(SI)(R9*1), d); \
	what(off(DI), e); \
	what(off(DI)(R8*1), f); \
	what(off(DI)(R8*2), g); \
	what(off(DI)(R9*1), h)

// STORES writes the eight results from R10 on.
#define STORES \
	STORE(X0, 0(R10)); \
	STORE(X1, 4(R10)); \
	STORE(X2, 8(R10)); \
	STORE(X3, 12(R10)); \
	STORE(X4, 16(R10)); \
	STORE(X5, 20(R10)); \
	STORE(X6, 24(R10)); \
	STORE(X7, 28(R10))
