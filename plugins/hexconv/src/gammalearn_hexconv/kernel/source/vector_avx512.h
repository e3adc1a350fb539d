/* Sixteen floats at a time, AVX-512. Every vector_*.h offers the same types and functions. */
#ifndef HEXCONV_VECTOR_H
#define HEXCONV_VECTOR_H

#include <immintrin.h>
#include <stdint.h>

#define LANES 16
#define REGISTERS 32

typedef __m512 vec;

static inline __mmask16 first_lanes(int64_t n) { return n >= LANES ? 0xffff : (__mmask16)((1u << n) - 1); }

static inline vec vec_zero(void) { return _mm512_setzero_ps(); }
static inline vec vec_set(float value) { return _mm512_set1_ps(value); }
static inline vec vec_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void vec_store(float *p, vec v) { _mm512_storeu_ps(p, v); }
static inline vec vec_load_first(const float *p, int64_t n) { return _mm512_maskz_loadu_ps(first_lanes(n), p); }
static inline void vec_store_first(float *p, vec v, int64_t n) { _mm512_mask_storeu_ps(p, first_lanes(n), v); }
static inline vec vec_add(vec a, vec b) { return _mm512_add_ps(a, b); }
static inline vec vec_mul(vec a, vec b) { return _mm512_mul_ps(a, b); }
static inline vec vec_fma(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
/* The instruction gives its second operand where one is NaN, so a NaN in v stays. */
static inline vec vec_relu(vec v) { return _mm512_max_ps(_mm512_setzero_ps(), v); }

static inline vec widen(__m256i halves) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}
static inline vec vec_load_bf16(const uint16_t *p, int64_t n) {
    return widen(_mm256_maskz_loadu_epi16(first_lanes(n), p));
}
static inline vec vec_set_bf16(const uint16_t *p) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_set1_epi16((short)*p), 16));
}
/* To the nearest, ties to even; a NaN becomes the quiet NaN, as carrying into its exponent could make it infinite.
 * The instruction for it takes numbers below 1.2e-38 for zero. */
#ifdef __AVX512BF16__
static inline __m256i narrow(vec v) { return (__m256i)_mm512_cvtneps_pbh(v); }
#else
static inline __m256i narrow(vec v) {
    __m512i bits = _mm512_castps_si512(v);
    __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
    __mmask16 nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
    rounded = _mm512_mask_mov_epi32(rounded, nan, _mm512_set1_epi32(0x7fc00000));
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded, 16));
}
#endif
static inline void vec_store_bf16(uint16_t *p, vec v, int64_t n) {
    _mm256_mask_storeu_epi16(p, first_lanes(n), narrow(v));
}

#endif
