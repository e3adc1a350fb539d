/* Template: pooling. Needs an operand_*.h. The plans have one class; the output pixels of all images are numbered through.
 *
 * Loops over channels are left to the compiler, which makes vectors of them. */

static const element *NAME(pool_input)(const hex_pool_call *call, int64_t output, int64_t tap, int32_t *input) {
    *input = call->plan->inputs[tap * call->output_pixels + output % call->output_pixels];
    int64_t pixel = output / call->output_pixels * call->input_pixels + (*input < 0 ? 0 : *input);
    return (const element *)call->x + pixel * call->channels;
}

/* Some channels of an input pixel. As in torch, the first of several largest values is taken, and NaN before all others.
 * x is null where zeros stand for a missing pixel. */
static void NAME(take_larger)(const element *x, int64_t n, int32_t input, float *largest, int32_t *which) {
    for (int64_t c = 0; c < n; c++) {
        float value = x ? value_of(x[c]) : 0;
        int larger = value > largest[c] || value != value;
        largest[c] = larger ? value : largest[c];
        which[c] = larger ? input : which[c];
    }
}

/* Some channels, from `first` on, of an output pixel. */
static void NAME(max_pool_some)(const hex_pool_call *call, int64_t output, int64_t first, int64_t n) {
    float largest[POOL_CHANNELS];
    int32_t which[POOL_CHANNELS];
    for (int64_t c = 0; c < n; c++) largest[c] = -INFINITY;
    for (int64_t c = 0; c < n; c++) which[c] = -1;
    for (int64_t k = 0; k < call->taps; k++) {
        int32_t input;
        const element *x = NAME(pool_input)(call, output, k, &input) + first;
        if (input >= 0)
            NAME(take_larger)(x, n, input, largest, which);
        else if (call->zeros_for_missing)
            NAME(take_larger)(0, n, input, largest, which);
    }
    int64_t place = output * call->channels + first;
    element *y = (element *)call->y + place;
    for (int64_t c = 0; c < n; c++) y[c] = element_of(largest[c]);
    memcpy(call->which + place, which, (size_t)n * sizeof *which);
}

static void NAME(sum_pool_some)(const hex_pool_call *call, int64_t output, int64_t first, int64_t n) {
    float sum[POOL_CHANNELS] = {0};
    for (int64_t k = 0; k < call->taps; k++) {
        int32_t input;
        const element *x = NAME(pool_input)(call, output, k, &input) + first;
        if (input < 0) continue;
        float scale = call->input_scale ? call->input_scale[input] : 1;
        for (int64_t c = 0; c < n; c++) sum[c] += value_of(x[c]) * scale;
    }
    float scale = call->output_scale ? call->output_scale[output % call->output_pixels] : 1;
    element *y = (element *)call->y + output * call->channels + first;
    for (int64_t c = 0; c < n; c++) y[c] = element_of(sum[c] * scale);
}

static void NAME(pool_task)(const void *data, int64_t task, void *scratch) {
    (void)scratch;
    const hex_pool_call *call = data;
    int64_t outputs = call->images * call->output_pixels, end = (task + 1) * POOL_PIXELS;
    for (int64_t output = task * POOL_PIXELS; output < end && output < outputs; output++)
        for (int64_t first = 0, n; first < call->channels; first += n) {
            n = call->channels - first < POOL_CHANNELS ? call->channels - first : POOL_CHANNELS;
            (call->which ? NAME(max_pool_some) : NAME(sum_pool_some))(call, output, first, n);
        }
}

static int NAME(pool)(const hex_pool_call *call) {
    int64_t tasks = (call->images * call->output_pixels + POOL_PIXELS - 1) / POOL_PIXELS;
    return hex_run(NAME(pool_task), call, tasks, call->threads, 0);
}

/* Some channels of an image. Sums of several outputs that chose the same pixel are taken in float, in their order. */
static void NAME(max_pool_grad_some)(const hex_max_pool_grad_call *call, int64_t image, int64_t first, int64_t n,
                                     float *sums) {
    const int64_t channels = call->channels;
    memset(sums, 0, (size_t)(call->input_pixels * POOL_CHANNELS) * sizeof *sums);
    for (int64_t q = 0; q < call->output_pixels; q++) {
        int64_t place = (image * call->output_pixels + q) * channels + first;
        const element *grad = (const element *)call->grad + place;
        const int32_t *which = call->which + place;
        for (int64_t c = 0; c < n; c++)
            if (which[c] >= 0 && which[c] < call->input_pixels) sums[which[c] * POOL_CHANNELS + c] += value_of(grad[c]);
    }
    for (int64_t i = 0; i < call->input_pixels; i++) {
        element *y = (element *)call->y + (image * call->input_pixels + i) * channels + first;
        for (int64_t c = 0; c < n; c++) y[c] = element_of(sums[i * POOL_CHANNELS + c]);
    }
}

static void NAME(max_pool_grad_task)(const void *data, int64_t task, void *scratch) {
    const hex_max_pool_grad_call *call = data;
    int64_t pieces = (call->channels + POOL_CHANNELS - 1) / POOL_CHANNELS;
    int64_t first = task % pieces * POOL_CHANNELS, left = call->channels - first;
    NAME(max_pool_grad_some)(call, task / pieces, first, left < POOL_CHANNELS ? left : POOL_CHANNELS, scratch);
}

static int NAME(max_pool_grad)(const hex_max_pool_grad_call *call) {
    int64_t pieces = (call->channels + POOL_CHANNELS - 1) / POOL_CHANNELS;
    int64_t scratch = call->input_pixels * POOL_CHANNELS * (int64_t)sizeof(float);
    return hex_run(NAME(max_pool_grad_task), call, call->images * pieces, call->threads, scratch);
}
