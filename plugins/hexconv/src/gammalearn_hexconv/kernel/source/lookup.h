/* Template: finding the input pixels that output pixels see. Needs an operand_*.h. */

/* Where the pixels of a class come from. The output pixels of all images are numbered through. */
typedef struct {
    const element *images;
    int64_t image_size, pixel_size; /* in elements */
    int64_t outputs;                /* output pixels of an image */
    const element *zeros;           /* what stands for a missing pixel */
} NAME(source);

/* An output pixel, by its image and within it. */
typedef struct {
    int64_t image, output;
} NAME(position);

static NAME(position) NAME(position_of)(const NAME(source) *source, int64_t number) {
    return (NAME(position)){number / source->outputs, number % source->outputs};
}

/* Pointers to what one tap shows of `count` output pixels from `at` on; `inputs` is the column of the tap: the input pixel
 * of each output pixel of an image, or -1. */
static void NAME(look_up)(const NAME(source) *source, const int32_t *inputs, NAME(position) at, int64_t count,
                          const element **rows) {
    const element *zeros = source->zeros;
    const int32_t size = (int32_t)source->pixel_size; /* a product of two int32_t is faster than one of int64_t */
    for (int64_t n; count > 0; at.image++, at.output = 0, count -= n, rows += n) {
        const element *image = source->images + at.image * source->image_size;
        const int64_t left = source->outputs - at.output;
        n = left < count ? left : count;
        for (int64_t i = 0; i < n; i++) {
            int32_t input = inputs[at.output + i];
            rows[i] = input < 0 ? zeros : image + (int64_t)input * size;
        }
    }
}
