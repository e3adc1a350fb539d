/* sums[i, o] += sum over pixels of rows[pixel][i] * grad[pixel, o]: the inner loop of the gradient of weights. */
#ifndef HEXCONV_OUTER_PRODUCT_H
#define HEXCONV_OUTER_PRODUCT_H

#include "tiles.h"

enum {
    BLOCK = 96,      /* pixels whose rows and grad stay in the first-level cache */
    FEW_INPUTS = 4,  /* so few input channels are not worth a tile for each tap: all taps share the tiles */
    MOST_PARTS = 16, /* parts of the pixels that may be summed up apart */
};

/* `height` input channels from `first` on by `width` vectors of output channels; sums has `sums_size` floats a row. */
TEMPLATE void outer_tile(const int height, const int width, const float *const *rows, int64_t first, const float *grad,
                         int64_t grad_size, int64_t pixels, float *sums, int64_t sums_size) {
    vec sum[REGISTERS];
    UNROLL for (int i = 0; i < height; i++) UNROLL for (int j = 0; j < width; j++)
        sum[i * width + j] = vec_load(sums + i * sums_size + j * LANES);
    for (int64_t q = 0; q < pixels; q++) {
        const float *row = rows[q] + first, *g = grad + q * grad_size;
        vec grads[MAX_WIDTH];
        UNROLL for (int j = 0; j < width; j++) grads[j] = vec_load(g + j * LANES);
        UNROLL for (int i = 0; i < height; i++) {
            vec input = vec_set(row[i]);
            UNROLL for (int j = 0; j < width; j++) sum[i * width + j] = vec_fma(input, grads[j], sum[i * width + j]);
        }
    }
    UNROLL for (int i = 0; i < height; i++) UNROLL for (int j = 0; j < width; j++)
        vec_store(sums + i * sums_size + j * LANES, sum[i * width + j]);
}

typedef void (*outer_function)(const float *const *, int64_t, const float *, int64_t, int64_t, float *, int64_t);

#define OUTER_TILE(height, width)                                                                                    \
    INSTANCE void outer_##height##_##width(const float *const *rows, int64_t first, const float *grad,               \
                                           int64_t grad_size, int64_t pixels, float *sums, int64_t sums_size) {      \
        outer_tile(height, width, rows, first, grad, grad_size, pixels, sums, sums_size);                            \
    }

#if REGISTERS == 32
OUTER_TILE(16, 1) OUTER_TILE(4, 1) OUTER_TILE(1, 1)
OUTER_TILE(8, 2) OUTER_TILE(4, 2) OUTER_TILE(1, 2)
OUTER_TILE(8, 3) OUTER_TILE(4, 3) OUTER_TILE(1, 3)
OUTER_TILE(6, 4) OUTER_TILE(4, 4) OUTER_TILE(1, 4)
enum { OUTER_SIZES = 3 };
static const int64_t outer_heights[MAX_WIDTH][OUTER_SIZES] = {{16, 4, 1}, {8, 4, 1}, {8, 4, 1}, {6, 4, 1}};
static const outer_function outer_functions[MAX_WIDTH][OUTER_SIZES] = {{outer_16_1, outer_4_1, outer_1_1},
                                                                       {outer_8_2, outer_4_2, outer_1_2},
                                                                       {outer_8_3, outer_4_3, outer_1_3},
                                                                       {outer_6_4, outer_4_4, outer_1_4}};
#else
OUTER_TILE(8, 1) OUTER_TILE(4, 1) OUTER_TILE(1, 1)
OUTER_TILE(6, 2) OUTER_TILE(4, 2) OUTER_TILE(1, 2)
OUTER_TILE(4, 3) OUTER_TILE(2, 3) OUTER_TILE(1, 3)
OUTER_TILE(3, 4) OUTER_TILE(2, 4) OUTER_TILE(1, 4)
enum { OUTER_SIZES = 3 };
static const int64_t outer_heights[MAX_WIDTH][OUTER_SIZES] = {{8, 4, 1}, {6, 4, 1}, {4, 2, 1}, {3, 2, 1}};
static const outer_function outer_functions[MAX_WIDTH][OUTER_SIZES] = {{outer_8_1, outer_4_1, outer_1_1},
                                                                       {outer_6_2, outer_4_2, outer_1_2},
                                                                       {outer_4_3, outer_2_3, outer_1_3},
                                                                       {outer_3_4, outer_2_4, outer_1_4}};
#endif

/* rows: (pixels) pointers to `inputs` floats; grad: (pixels, outputs) with `grad_size` floats from one pixel to the next;
 * sums: (inputs, outputs). `outputs` fills whole vectors. */
static void outer_product(const float *const *rows, int64_t inputs, const float *grad, int64_t grad_size,
                          int64_t outputs, int64_t pixels, float *sums) {
    for (int64_t o = 0, width; o < outputs; o += width * LANES) {
        width = next_width(vectors(outputs - o));
        for (int64_t i = 0, height; i < inputs; i += height) {
            int size = 0;
            while ((height = outer_heights[width - 1][size]) > inputs - i) size++;
            outer_functions[width - 1][size](rows, i, grad + o, grad_size, pixels, sums + i * outputs + o, outputs);
        }
    }
}

#endif
