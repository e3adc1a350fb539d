/* The interface of batch normalisation and attention. kernel/fused_calls.py declares the same structures with ctypes.
 *
 * Rows are (rows, channels), the channels of a pixel side by side; parameters and sums of channels are floats. Sums are
 * made over blocks that do not depend on the number of threads, and the blocks joined in their order. */
#ifndef HEXCONV_FUSED_H
#define HEXCONV_FUSED_H

#include <stdint.h>

/* mean, biased variance, and inverse = 1 / sqrt(variance + epsilon) of each channel over the rows. */
typedef struct {
    int64_t type, rows, channels, threads;
    double epsilon;
    const void *x;
    float *mean, *variance, *inverse;
} hex_moments_call;

/* y = (x - mean) * scale + shift + residual, cut at zero if relu. residual may be null. */
typedef struct {
    int64_t type, rows, channels, threads, relu;
    const void *x, *residual;
    const float *mean, *scale, *shift;
    void *y;
} hex_normalise_call;

/* What hex_normalise_grad goes by when it takes the gradient back through a ReLU. */
enum hex_cut { HEX_CUT_NOWHERE = 0, HEX_CUT_BY_X = 1, HEX_CUT_BY_Y = 2 };

/* Gradients of hex_normalise with the mean and the variance of x itself, and scale = weight * inverse. To that of x, `more`
 * is added. more and residual_grad may be null, and so may y unless cut is HEX_CUT_BY_Y. x_grad may be grad. */
typedef struct {
    int64_t type, rows, channels, threads, cut;
    const void *x, *y, *grad;
    const float *mean, *inverse, *scale, *shift;
    const void *more;
    void *x_grad, *residual_grad;
    float *weight_grad, *shift_grad;
} hex_normalise_grad_call;

/* means = mean over the pixels of each image, (images, channels). */
typedef struct {
    int64_t type, images, pixels, channels, threads;
    const void *x;
    float *means;
} hex_means_call;

/* y = x * channel_gate * (plus + pixel_gate), with pixel_gate = sigmoid(score . relu((reduced - mean) * scale + shift) +
 * bias). channel_gate (images, channels) may be null, and so may reduced (images, pixels, width): they count as 1 and 0.
 * pixel_gate (images, pixels) is given back. */
typedef struct {
    int64_t type, images, pixels, channels, width, threads;
    const void *x, *reduced;
    const float *mean, *scale, *shift, *score, *bias, *channel_gate;
    float plus, *pixel_gate;
    int64_t relu; /* whether y is cut at zero */
    void *y;
} hex_attend_call;

/* Gradients of hex_attend. Of what the gate of a pixel is made from: logit_grad (images, pixels), scaled_grad (images,
 * pixels, width) of relu(...), and score_grad (images, width), to be summed over the images. */
typedef struct {
    int64_t type, images, pixels, channels, width, threads;
    const void *x, *reduced, *grad;
    const float *mean, *scale, *shift, *score, *channel_gate, *pixel_gate;
    float plus, *channel_gate_grad, *logit_grad, *score_grad;
    void *x_grad, *scaled_grad;
} hex_attend_grad_call;

/* gates = sigmoid(expand * relu(reduce * means + reduce_bias) + expand_bias): squeeze-and-excitation. reduce is (hidden,
 * channels), expand (channels, hidden). */
typedef struct {
    int64_t images, channels, hidden;
    const float *means, *reduce, *reduce_bias, *expand, *expand_bias;
    float *gates;
} hex_gate_call;

enum hex_step_kind { HEX_CONV = 0, HEX_NORMALISE = 1, HEX_MEANS = 2, HEX_GATE = 3, HEX_ATTEND = 4 };

/* A part of a program: one of the calls above or hex_conv_call, in which images, threads and what depends on them are
 * filled in when it runs. The others are numbers of arrays, or -1. */
typedef struct {
    int64_t kind;
    const void *call;
    int64_t x, other, gate, y, second; /* other: residual, or reduced; second: or pixel_gate */
} hex_step;

/* `image_bytes` of an image, a multiple of 64 unless it is given; given from outside if `outside` is not negative, which is
 * then its place in hex_program_call.outside; else at `place` times the images of a chunk in the scratch. */
typedef struct {
    int64_t image_bytes, outside, place;
} hex_array;

/* Runs all steps on a few images after the other, whose arrays then stay in a cache. */
typedef struct {
    int64_t steps, images, chunk, threads, scratch_bytes; /* scratch of one image */
    const hex_step *step;
    const hex_array *array;
    void *const *outside;
} hex_program_call;

/* What one instruction set offers of these. */
struct hex_fused {
    int (*moments)(const hex_moments_call *call);
    int (*normalise)(const hex_normalise_call *call);
    int (*normalise_grad)(const hex_normalise_grad_call *call);
    int (*means)(const hex_means_call *call);
    int (*attend)(const hex_attend_call *call);
    int (*attend_grad)(const hex_attend_grad_call *call);
    int (*program)(const hex_program_call *call);
};

#endif
