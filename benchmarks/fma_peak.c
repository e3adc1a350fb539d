/* Multiplies and adds in registers only: what a core can do at most. */
#include <stdint.h>

#if defined(__AVX512F__)
#include <immintrin.h>
enum { BYTES = 64, SUMS = 24 };
#elif defined(__AVX__)
enum { BYTES = 32, SUMS = 12 };
#else
enum { BYTES = 16, SUMS = 12 };
#endif

typedef float vector __attribute__((vector_size(BYTES)));

static volatile float sink;

static void keep(const vector *sums) {
    vector total = sums[0];
    for (int i = 1; i < SUMS; i++) total += sums[i];
    sink = total[0];
}

/* Both give the number of operations, a multiplication and an addition being two; 0 where a type is not known. */

int64_t peak_float32(int64_t steps) {
    vector sums[SUMS], factor = (vector){0} + 0.5f, term = factor + 1;
#pragma GCC unroll 24
    for (int i = 0; i < SUMS; i++) sums[i] = term * (float)i;
    for (int64_t step = 0; step < steps; step++) {
#pragma GCC unroll 24
        for (int i = 0; i < SUMS; i++) sums[i] = sums[i] * factor + term;
    }
    keep(sums);
    return steps * SUMS * (BYTES / 4) * 2;
}

int64_t peak_bfloat16(int64_t steps) {
#if defined(__AVX512BF16__)
    __m512 sums[SUMS];
    __m512bh factor = (__m512bh)_mm512_set1_epi16(0x3f00);
#pragma GCC unroll 24
    for (int i = 0; i < SUMS; i++) sums[i] = _mm512_set1_ps((float)i);
    for (int64_t step = 0; step < steps; step++) {
#pragma GCC unroll 24
        for (int i = 0; i < SUMS; i++) sums[i] = _mm512_dpbf16_ps(sums[i], factor, factor);
    }
    keep((const vector *)sums);
    return steps * SUMS * (BYTES / 2) * 2;
#else
    (void)steps;
    return 0;
#endif
}
