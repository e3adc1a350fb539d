/* Passes over channels-last data, number by number, with any number of channels.
 *
 * A period is the least common multiple of the channels and the lanes of a vector. Parameters of the channels are repeated
 * to one period; every vector of the data then has its parameters at its place in the period. What is left over at the
 * end of a range is less than a period. */
#ifndef HEXCONV_ROWS_H
#define HEXCONV_ROWS_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef int32_t vec_mask __attribute__((vector_size(4 * LANES)));

TEMPLATE vec where(vec_mask mask, vec v) { return (vec)((vec_mask)v & mask); }
/* Not v > 0: what is NaN passes a ReLU. */
TEMPLATE vec_mask passes(vec v) { return ~(vec_mask)(v <= vec_zero()); }
TEMPLATE vec cut(vec v) { return where(passes(v), v); }

static int64_t period_of(int64_t channels) {
    int64_t a = channels, b = LANES;
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return channels / a * LANES;
}
static void repeat(float *to, const float *from, int64_t channels, int64_t period) {
    for (int64_t i = 0; i < period; i += channels) memcpy(to + i, from, sizeof(float) * (size_t)channels);
}
/* Adds up the lanes of a period that belong to the same channel. */
static void fold(float *sums, const float *lanes, int64_t channels, int64_t period) {
    for (int64_t c = 0; c < channels; c++) {
        double sum = 0;
        for (int64_t i = c; i < period; i += channels) sum += lanes[i];
        sums[c] = (float)sum;
    }
}
/* Adds the first `count` lanes. */
static void add_first(float *sums, vec v, int64_t count) {
    float lanes[LANES];
    vec_store(lanes, v);
    for (int64_t i = 0; i < count && i < LANES; i++) sums[i] += lanes[i];
}
TEMPLATE float lane_sum(vec v) {
#ifdef __AVX512F__
    return _mm512_reduce_add_ps(v);
#else
    float lanes[LANES];
    vec_store(lanes, v);
    UNROLL for (int half = LANES / 2; half; half /= 2) UNROLL for (int i = 0; i < half; i++) lanes[i] += lanes[i + half];
    return lanes[0];
#endif
}

/* Whole periods that fit a first-level cache a few times, so that a second look at them is cheap, and few enough that
 * their sums are exact to a few units in the last place. */
typedef struct {
    int64_t period, size, count, numbers;
} row_blocks;
static row_blocks blocks_of(int64_t rows, int64_t channels) {
    int64_t period = period_of(channels), most = 256 * LANES, size = period < most ? most / period * period : period;
    int64_t numbers = rows * channels;
    return (row_blocks){period, size, (numbers + size - 1) / size, numbers};
}
static int64_t block_size(row_blocks b, int64_t i) { return i + 1 < b.count ? b.size : b.numbers - i * b.size; }

/* Filled up with zeros to whole vectors. */
static void fill_up(float *to, const float *from, int64_t n, int64_t padded) {
    memcpy(to, from, sizeof(float) * (size_t)n);
    memset(to + n, 0, sizeof(float) * (size_t)(padded - n));
}
static int64_t whole_vectors(int64_t n) { return (n + LANES - 1) / LANES * LANES; }

static float *floats(int64_t count) { return malloc(sizeof(float) * (size_t)(count > 0 ? count : 1)); }

/* exp, to about a unit in the last place; below -87 and above 88 that of the bound. */
TEMPLATE vec exponential(vec v) {
    vec_mask low = v < vec_set(-87), high = v > vec_set(88);
    v = where(~(low | high), v) + where(low, vec_set(-87)) + where(high, vec_set(88));
    vec turns = v * vec_set(1.44269504f);
    vec nearest = turns + vec_set(0.5f) - where(turns < vec_zero(), vec_set(1));
    vec_mask power = __builtin_convertvector(nearest, vec_mask);
    vec n = __builtin_convertvector(power, vec), r = v - n * vec_set(0.693359375f) + n * vec_set(2.12194440e-4f);
    vec p = vec_set(1.9875691500e-4f) * r + vec_set(1.3981999507e-3f);
    p = p * r + vec_set(8.3334519073e-3f);
    p = p * r + vec_set(4.1665795894e-2f);
    p = p * r + vec_set(1.6666665459e-1f);
    p = p * r + vec_set(5.0000001201e-1f);
    return (p * r * r + r + vec_set(1)) * (vec)((power + 127) << 23);
}
static void sigmoid(float *v, int64_t n) {
    for (int64_t i = 0; i < n; i += LANES) {
        vec one = vec_set(1), x = vec_load_first(v + i, n - i);
        vec_store_first(v + i, one / (one + exponential(vec_zero() - x)), n - i);
    }
}

/* Moments of the blocks, joined in their order [1]; sums are (blocks, 3, channels): a value near the mean of the block,
 * and the sums of the distances from it and of their squares.
 * [1] Chan, Golub, LeVeque: Updating formulae and a pairwise algorithm for computing sample variances, 1979. */
static void join_moments(const hex_moments_call *call, row_blocks b, const float *sums) {
    int64_t channels = call->channels;
    for (int64_t c = 0; c < channels; c++) {
        double count = 0, mean = 0, squares = 0;
        for (int64_t i = 0; i < b.count; i++) {
            const float *block = sums + 3 * i * channels + c;
            double more = (double)(block_size(b, i) / channels), total = count + more, off = block[channels] / more;
            double step = block[0] + off - mean;
            squares += block[2 * channels] - off * off * more + step * step * count * more / total;
            mean += step * more / total;
            count = total;
        }
        call->mean[c] = (float)mean;
        call->variance[c] = (float)(squares / count);
        call->inverse[c] = (float)(1 / sqrt(squares / count + call->epsilon));
    }
}

/* A pass with parameters of the channels: mean, scale, shift, and for a gradient level and slope, each repeated to a period. */
typedef struct {
    const void *call;
    row_blocks blocks;
    float *lanes;
    float *sums; /* (blocks, 2, channels) */
} rows_job;

/* From the sums over the blocks: the gradients of the parameters; and level and slope of the gradient of x, which is
 * gradient * scale - level - (x - mean) * slope. */
static void join_grads(const hex_normalise_grad_call *call, const rows_job *job) {
    int64_t channels = call->channels, period = job->blocks.period;
    float *level = job->lanes + 3 * period, *slope = level + period;
    for (int64_t c = 0; c < channels; c++) {
        double sum = 0, moment = 0, scale = call->scale[c], inverse = call->inverse[c];
        for (int64_t i = 0; i < job->blocks.count; i++) {
            sum += job->sums[2 * i * channels + c];
            moment += job->sums[(2 * i + 1) * channels + c];
        }
        call->shift_grad[c] = (float)sum;
        call->weight_grad[c] = (float)(moment * inverse);
        level[c] = (float)(scale * sum / (double)call->rows);
        slope[c] = (float)(scale * inverse * inverse * moment / (double)call->rows);
    }
    for (int64_t i = channels; i < period; i++) level[i] = level[i - channels], slope[i] = slope[i - channels];
}

/* The gates of the image's channels; `ones`, filled with 1, where there are none. */
static const float *gate_or_ones(const float *gate, int64_t image, int64_t channels, float *ones) {
    if (gate) return gate + image * channels;
    for (int64_t c = 0; c < channels; c++) ones[c] = 1;
    return ones;
}
/* Adds sums of a few pixels to the total, so that small numbers are added to small ones. */
static void flush(float *total, float *sums, int64_t n) {
    for (int64_t i = 0; i < n; i++) total[i] += sums[i], sums[i] = 0;
}

/* Attention, with the parameters of the reduced channels filled up to whole vectors: mean, scale, shift, score. */
typedef struct {
    const void *call;
    int64_t padded;
    float *lanes;
} attend_job;
static attend_job attend_job_of(const void *call, int64_t width, const float *mean, const float *scale, const float *shift,
                                const float *score) {
    int64_t padded = whole_vectors(width);
    attend_job job = {call, padded, floats(4 * padded)};
    if (!job.lanes || !width) return job;
    fill_up(job.lanes, mean, width, padded);
    fill_up(job.lanes + padded, scale, width, padded);
    fill_up(job.lanes + 2 * padded, shift, width, padded);
    fill_up(job.lanes + 3 * padded, score, width, padded);
    return job;
}

#endif
