/* Four floats at a time in the compilers' own vectors, which every processor has: SSE2, NEON. */
#ifndef HEXCONV_VECTOR_H
#define HEXCONV_VECTOR_H

#include "bfloat16.h"

#include <stdint.h>
#include <string.h>

#define LANES 4
#ifdef __aarch64__
#define REGISTERS 32
#else
#define REGISTERS 16
#endif

typedef float vec __attribute__((vector_size(16)));

static inline size_t lane_bytes(int64_t n, size_t size) { return size * (size_t)(n < LANES ? n : LANES); }

static inline vec vec_zero(void) { return (vec){0, 0, 0, 0}; }
static inline vec vec_set(float value) { return (vec){value, value, value, value}; }
static inline vec vec_load(const float *p) {
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline void vec_store(float *p, vec v) { memcpy(p, &v, sizeof v); }
static inline vec vec_load_first(const float *p, int64_t n) {
    vec v = vec_zero();
    memcpy(&v, p, lane_bytes(n, sizeof(float)));
    return v;
}
static inline void vec_store_first(float *p, vec v, int64_t n) { memcpy(p, &v, lane_bytes(n, sizeof(float))); }
static inline vec vec_add(vec a, vec b) { return a + b; }
static inline vec vec_mul(vec a, vec b) { return a * b; }
static inline vec vec_fma(vec a, vec b, vec c) { return a * b + c; }
/* A NaN is not below zero, so it stays. */
static inline vec vec_relu(vec v) {
    for (int i = 0; i < LANES; i++) v[i] = v[i] < 0 ? 0 : v[i];
    return v;
}

static inline vec vec_load_bf16(const uint16_t *p, int64_t n) {
    vec v = vec_zero();
    for (int64_t i = 0; i < n && i < LANES; i++) v[i] = float_of_bf16(p[i]);
    return v;
}
static inline vec vec_set_bf16(const uint16_t *p) { return vec_set(float_of_bf16(*p)); }
static inline void vec_store_bf16(uint16_t *p, vec v, int64_t n) {
    for (int64_t i = 0; i < n && i < LANES; i++) p[i] = bf16_of_float(v[i]);
}

#endif
