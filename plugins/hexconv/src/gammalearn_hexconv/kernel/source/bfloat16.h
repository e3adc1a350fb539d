/* bfloat16 is the upper half of a float. */
#ifndef HEXCONV_BFLOAT16_H
#define HEXCONV_BFLOAT16_H

#include <stdint.h>
#include <string.h>

static inline float float_of_bf16(uint16_t half) {
    uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* To the nearest, ties to even; a NaN becomes the quiet NaN, as carrying into its exponent could make it infinite. */
static inline uint16_t bf16_of_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (value != value) return 0x7fc0;
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

#endif
