/* Sizes of the tiles of sums that stay in registers, by the number of registers.
 *
 * A tile is `rows` pixels by `width` vectors of output channels. A product needs rows + width loads for rows * width
 * multiplications, of which the processor must have some eight under way that do not wait for each other. */
#ifndef HEXCONV_TILES_H
#define HEXCONV_TILES_H

#include <stdint.h>

/* Pixels whose neighbours are looked up at a time: a multiple of the rows of every tile. */
enum { GROUP = 120, MAX_WIDTH = 4 };

/* Products that are summed one after the other before a new sum is begun. */
enum { MOST_PRODUCTS = 128 };

#if REGISTERS == 32
enum { ROWS_1 = 24, ROWS_2 = 12, ROWS_3 = 8, ROWS_4 = 6 };
#else
enum { ROWS_1 = 10, ROWS_2 = 6, ROWS_3 = 4, ROWS_4 = 3 };
#endif

_Static_assert(GROUP % ROWS_1 == 0 && GROUP % ROWS_2 == 0 && GROUP % ROWS_3 == 0 && GROUP % ROWS_4 == 0,
               "the last tile of a group must not read behind its pointers");

/* Vectors that are needed for so many channels. */
static inline int64_t vectors(int64_t channels) { return (channels + LANES - 1) / LANES; }

/* Width of the next tile where so many vectors of output channels are left: never leaves a single one for the end. */
static inline int64_t next_width(int64_t left) {
    if (left <= MAX_WIDTH) return left;
    return left == MAX_WIDTH + 1 ? MAX_WIDTH - 1 : MAX_WIDTH;
}

#endif
