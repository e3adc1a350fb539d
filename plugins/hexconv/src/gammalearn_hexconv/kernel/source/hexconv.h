/* The interface between Python and the compiled kernel. library.py declares the same structures with ctypes.
 *
 * Arrays are contiguous. "Pixels last but one": an array of images is (images, pixels, channels), the channels of a pixel
 * side by side. The caller has checked every size, index and pointer; nothing is checked again here.
 *
 * A plan says which input pixels an output pixel sees. Output pixels that see the same taps form a class; a class has a
 * list of taps, a list of output pixels, and the table of input pixels, tap by tap: (taps of the class, pixels of the
 * class), -1 where there is none. The classes share the output pixels out among them. An ordinary convolution has one
 * class with all the taps; the input gradient of one with stride 2 has a class for each set of taps that reach an output.
 */
#ifndef HEXCONV_H
#define HEXCONV_H

#include <stdint.h>

/* To be raised with every change of this file, together with INTERFACE of library.py. */
enum { HEX_INTERFACE = 1 };

enum hex_type { HEX_FLOAT32 = 0, HEX_BFLOAT16 = 1 };
enum hex_status { HEX_DONE = 0, HEX_NO_MEMORY = 1 };

typedef struct {
    int64_t classes;
    const int64_t *pixels;   /* of each class */
    const int64_t *steps;    /* taps of each class */
    const int32_t *taps;     /* of all classes, one class after the other; so are the next two */
    const int32_t *outputs;  /* the output pixels */
    const int32_t *inputs;   /* the input pixels, (steps, pixels) of each class */
} hex_plan;

/* Copies weights into the order in which hex_conv reads them. Element (group, output, input, tap) of the weights is at
 * group * group_stride + output * output_stride + input * input_stride + tap * tap_stride; inputs and outputs are counted
 * within the group. */
typedef struct {
    int64_t weight_type, type; /* of the weights given; of the images that they will multiply */
    int64_t groups, outputs, inputs, taps;
    int64_t group_stride, output_stride, input_stride, tap_stride;
    const void *weights;
    void *packed; /* hex_packed_bytes() bytes */
} hex_pack_call;

/* y = convolution of x + bias + residual, cut at zero if relu; second = max(0, y * scale + shift).
 * bias, residual, second (with scale and shift) may be null. */
typedef struct {
    int64_t type; /* of x, residual, y and second */
    int64_t images, input_pixels, output_pixels;
    int64_t groups, inputs, outputs, taps; /* inputs and outputs: channels of a group */
    int64_t relu, threads;
    const hex_plan *plan;
    const void *x, *packed;
    const float *bias;
    const void *residual;
    const float *scale, *shift;
    void *y, *second;
} hex_conv_call;

/* weight_grad[output, input, tap] = sum over images and output pixels of grad * the pixel of x that the tap shows;
 * bias_grad[output] = sum of grad. The plan must have one class, with all the taps and all the output pixels in order. */
typedef struct {
    int64_t type; /* of x and grad */
    int64_t images, input_pixels, output_pixels;
    int64_t groups, inputs, outputs, taps;
    int64_t threads;
    const hex_plan *plan;
    const void *x, *grad;
    float *weight_grad; /* (groups * outputs, inputs, taps) */
    float *bias_grad;   /* (groups * outputs), or null */
} hex_weight_grad_call;

/* Pooling by maximum if `which` is there: it receives the pixels that were the largest, -1 where there was none. With
 * zeros_for_missing, missing pixels take part as zeros. Else pooling by sum: y = output_scale * sum of input_scale * x,
 * where the scales, a number for each pixel, may be null. */
typedef struct {
    int64_t type; /* of x and y */
    int64_t images, input_pixels, output_pixels, channels, taps;
    int64_t zeros_for_missing, threads;
    const hex_plan *plan; /* one class, with all the taps and all the output pixels in order */
    const void *x;
    const float *input_scale, *output_scale;
    void *y;
    int32_t *which;
} hex_pool_call;

/* y = sum of the grad of the outputs that chose a pixel; what `which` chose outside of the pixels is left out. */
typedef struct {
    int64_t type; /* of grad and y */
    int64_t images, input_pixels, output_pixels, channels;
    int64_t threads;
    const void *grad;
    const int32_t *which;
    void *y;
} hex_max_pool_grad_call;

/* What one instruction set offers. Each variant_*.c fills one; dispatch.c chooses among them. */
typedef struct {
    const char *name;
    int64_t (*packed_bytes)(int64_t type, int64_t groups, int64_t outputs, int64_t inputs, int64_t taps);
    void (*pack)(const hex_pack_call *call);
    int (*conv)(const hex_conv_call *call);
    int (*weight_grad)(const hex_weight_grad_call *call);
    int (*pool)(const hex_pool_call *call);
    int (*max_pool_grad)(const hex_max_pool_grad_call *call);
    const struct hex_fused *fused; /* see fused.h */
} hex_variant;

/* The variant in use. */
const hex_variant *hex_chosen(void);

#endif
