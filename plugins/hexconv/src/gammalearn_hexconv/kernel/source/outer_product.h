/* sums[i, j] += sum over pixels of scalars[pixel][i] * lines[pixel][j]: the inner loop of the gradient of weights. */
#ifndef HEXCONV_OUTER_PRODUCT_H
#define HEXCONV_OUTER_PRODUCT_H

#include "tiles.h"

enum {
    BLOCK_FLOATS = 6144,  /* what a block reads stays in the first-level cache */
    LEAST_BLOCK = 64,     /* pixels of a block: the sums are loaded and stored once for each */
    MOST_BLOCK = 256,
    FEW_INPUTS = 4,       /* so few input channels are not worth a tile for each tap: several taps share it */
    PANEL = 128,          /* input channels that taps bring together at most */
    MOST_PARTS = 16,      /* parts of the pixels that may be summed up apart */
};

/* Vectors that are side by side in the sums, and where they come from: for each a list of pointers, one for each pixel,
 * and how far behind the pointer they are. */
typedef struct {
    const float *const *list[MAX_WIDTH];
    int64_t offset[MAX_WIDTH];
} outer_lines;

/* `height` scalars, from `i` on, by `width` vectors; the sums have `size` floats a row. */
TEMPLATE void outer_tile(const int height, const int width, const float *const *scalars, int64_t i,
                         const outer_lines *lines, int64_t pixels, float *sums, int64_t size) {
    vec sum[REGISTERS];
    UNROLL for (int h = 0; h < height; h++) UNROLL for (int w = 0; w < width; w++)
        sum[h * width + w] = vec_load(sums + h * size + w * LANES);
    for (int64_t q = 0; q < pixels; q++) {
        const float *scalar = scalars[q] + i;
        vec line[MAX_WIDTH];
        UNROLL for (int w = 0; w < width; w++) line[w] = vec_load(lines->list[w][q] + lines->offset[w]);
        UNROLL for (int h = 0; h < height; h++) {
            vec all = vec_set(scalar[h]);
            UNROLL for (int w = 0; w < width; w++) sum[h * width + w] = vec_fma(all, line[w], sum[h * width + w]);
        }
    }
    UNROLL for (int h = 0; h < height; h++) UNROLL for (int w = 0; w < width; w++)
        vec_store(sums + h * size + w * LANES, sum[h * width + w]);
}

typedef void (*outer_function)(const float *const *scalars, int64_t i, const outer_lines *lines, int64_t pixels,
                               float *sums, int64_t size);

#define OUTER_TILE(height, width)                                                                                    \
    INSTANCE void outer_##height##_##width(const float *const *scalars, int64_t i, const outer_lines *lines,         \
                                           int64_t pixels, float *sums, int64_t size) {                              \
        outer_tile(height, width, scalars, i, lines, pixels, sums, size);                                            \
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

/* The vectors of a line are taken from several lists, so many floats from each: list after list, (lists, stride). */
typedef struct {
    const float *const *lists;
    int64_t stride, floats;
} outer_source;

static outer_lines outer_lines_at(const outer_source *source, int64_t j, int64_t width) {
    outer_lines lines = {{0}, {0}};
    for (int64_t w = 0; w < width; w++, j += LANES) {
        lines.list[w] = source->lists + j / source->floats * source->stride;
        lines.offset[w] = j % source->floats;
    }
    return lines;
}

/* scalars: (pixels) pointers to n_scalars floats; sums: n_scalars rows of `size` floats, of which n_lines are added to,
 * whole vectors. */
static void outer_product(const float *const *scalars, int64_t n_scalars, const outer_source *source, int64_t n_lines,
                          int64_t pixels, float *sums, int64_t size) {
    for (int64_t j = 0, width; j < n_lines; j += width * LANES) {
        width = next_width(vectors(n_lines - j));
        const outer_lines lines = outer_lines_at(source, j, width);
        for (int64_t i = 0, height; i < n_scalars; i += height) {
            int fit = 0;
            while ((height = outer_heights[width - 1][fit]) > n_scalars - i) fit++;
            outer_functions[width - 1][fit](scalars, i, &lines, pixels, sums + i * size + j, size);
        }
    }
}

#endif
