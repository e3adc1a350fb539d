/* bfloat16 images and weights, two channels at a time by the dot product of AVX-512 BF16. */
#define NAME(name) JOIN(name, bfloat16)
#define STEP 2
#define element uint16_t
#define weight uint16_t
#define operand __m512bh
#define operand_weights(p) ((__m512bh)_mm512_loadu_si512(p))
#define operand_pixel(p) pixel_pair(p)
/* The last of an odd number of channels: what lies behind it may be NaN or not be there. */
#define operand_last(p) ((__m512bh)_mm512_set1_epi32(*(p)))
#define operand_multiply_add(sum, pixel, weights) _mm512_dpbf16_ps(sum, pixel, weights)
#define to_weight(value) bf16_of_float(value)
#define load_elements(p, n) vec_load_bf16(p, n)
#define store_elements(p, v, n) vec_store_bf16(p, v, n)
#define value_of(x) float_of_bf16(x)
#define element_of(value) bf16_of_float(value)
#define IN_PLACE 0

#ifndef HEXCONV_PIXEL_PAIR
#define HEXCONV_PIXEL_PAIR
static inline __m512bh pixel_pair(const uint16_t *p) {
    int32_t pair;
    memcpy(&pair, p, sizeof pair);
    return (__m512bh)_mm512_set1_epi32(pair);
}
#endif
