/* Eight floats at a time, AVX2 with fused multiply-add. */
#ifndef HEXCONV_VECTOR_H
#define HEXCONV_VECTOR_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#define LANES 8
#define REGISTERS 16

typedef __m256 vec;

static inline __m256i first_lanes(int64_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static inline vec vec_zero(void) { return _mm256_setzero_ps(); }
static inline vec vec_set(float value) { return _mm256_set1_ps(value); }
static inline vec vec_load(const float *p) { return _mm256_loadu_ps(p); }
static inline void vec_store(float *p, vec v) { _mm256_storeu_ps(p, v); }
static inline vec vec_load_first(const float *p, int64_t n) {
    return n >= LANES ? vec_load(p) : _mm256_maskload_ps(p, first_lanes(n));
}
static inline void vec_store_first(float *p, vec v, int64_t n) {
    if (n >= LANES)
        vec_store(p, v);
    else
        _mm256_maskstore_ps(p, first_lanes(n), v);
}
static inline vec vec_add(vec a, vec b) { return _mm256_add_ps(a, b); }
static inline vec vec_mul(vec a, vec b) { return _mm256_mul_ps(a, b); }
static inline vec vec_fma(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
/* The instruction gives its second operand where one is NaN, so a NaN in v stays. */
static inline vec vec_relu(vec v) { return _mm256_max_ps(_mm256_setzero_ps(), v); }

static inline vec vec_load_bf16(const uint16_t *p, int64_t n) {
    uint16_t halves[LANES] = {0};
    memcpy(halves, p, sizeof(uint16_t) * (size_t)(n < LANES ? n : LANES));
    __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)halves));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}
static inline vec vec_set_bf16(const uint16_t *p) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_set1_epi16((short)*p), 16));
}
/* To the nearest, ties to even; a NaN becomes the quiet NaN, as carrying into its exponent could make it infinite. */
static inline __m128i narrow(vec v) {
    __m256i bits = _mm256_castps_si256(v);
    __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    __m256i rounded = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
    __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q));
    rounded = _mm256_blendv_epi8(rounded, _mm256_set1_epi32(0x7fc00000), nan);
    rounded = _mm256_srli_epi32(rounded, 16);
    return _mm_packus_epi32(_mm256_castsi256_si128(rounded), _mm256_extracti128_si256(rounded, 1));
}
static inline void vec_store_bf16(uint16_t *p, vec v, int64_t n) {
    uint16_t halves[LANES];
    _mm_storeu_si128((__m128i *)halves, narrow(v));
    memcpy(p, halves, sizeof(uint16_t) * (size_t)(n < LANES ? n : LANES));
}

#endif
