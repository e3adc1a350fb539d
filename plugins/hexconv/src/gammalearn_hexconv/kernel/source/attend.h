/* Template: attention to channels, to pixels, or to both. Needs an operand_*.h and normalise.h. */

static void NAME(means_task)(const void *data, int64_t image, void *scratch) {
    const hex_means_call *call = data;
    int64_t n = call->pixels * call->channels, period = period_of(call->channels);
    float *means = call->means + image * call->channels;
    NAME(add_rows)((const element *)call->x + image * n, n, period, scratch);
    fold(means, scratch, call->channels, period);
    for (int64_t c = 0; c < call->channels; c++) means[c] /= (float)call->pixels;
}
static int NAME(means)(const hex_means_call *call) {
    int64_t scratch = period_of(call->channels) * (int64_t)sizeof(float);
    return hex_run(NAME(means_task), call, call->images, call->threads, scratch);
}

/* relu((reduced - mean) * scale + shift), zero behind the last channel. */
TEMPLATE vec NAME(activated)(const element *reduced, int64_t count, const float *lanes, int64_t padded) {
    vec distance = load_elements(reduced, count) - vec_load(lanes);
    return cut(distance * vec_load(lanes + padded) + vec_load(lanes + 2 * padded));
}
static void NAME(pixel_gates)(const element *reduced, int64_t pixels, int64_t width, const float *lanes, float bias,
                              float *gates) {
    int64_t padded = whole_vectors(width);
    for (int64_t i = 0; i < pixels; i++, reduced += width) {
        vec sum = vec_zero();
        for (int64_t j = 0; j < width; j += LANES)
            sum += NAME(activated)(reduced + j, width - j, lanes + j, padded) * vec_load(lanes + 3 * padded + j);
        gates[i] = lane_sum(sum) + bias;
    }
    sigmoid(gates, pixels);
}
TEMPLATE void NAME(attend_lanes)(const element *x, int64_t count, const float *channel_gate, float gate, int64_t relu,
                                 element *y) {
    vec v = load_elements(x, count) * (vec_load_first(channel_gate, count) * vec_set(gate));
    store_elements(y, relu ? cut(v) : v, count);
}
static void NAME(attend_image)(const element *x, int64_t pixels, int64_t channels, const float *channel_gate,
                               const float *pixel_gates, float plus, int64_t relu, element *y) {
    int64_t whole = channels / LANES * LANES;
    for (int64_t i = 0; i < pixels; i++, x += channels, y += channels) {
        float gate = pixel_gates ? plus + pixel_gates[i] : plus;
        for (int64_t c = 0; c < whole; c += LANES) NAME(attend_lanes)(x + c, LANES, channel_gate + c, gate, relu, y + c);
        if (whole < channels) NAME(attend_lanes)(x + whole, channels - whole, channel_gate + whole, gate, relu, y + whole);
    }
}
static void NAME(attend_task)(const void *data, int64_t image, void *scratch) {
    const attend_job *job = data;
    const hex_attend_call *call = job->call;
    int64_t pixels = call->pixels, channels = call->channels, width = call->width, at = image * pixels * channels;
    const float *channel_gate = gate_or_ones(call->channel_gate, image, channels, scratch);
    float *gates = call->pixel_gate + image * pixels;
    if (width) {
        const element *reduced = (const element *)call->reduced + image * pixels * width;
        NAME(pixel_gates)(reduced, pixels, width, job->lanes, *call->bias, gates);
    }
    const element *x = (const element *)call->x + at;
    NAME(attend_image)(x, pixels, channels, channel_gate, width ? gates : 0, call->plus, call->relu, (element *)call->y + at);
}
static int NAME(attend)(const hex_attend_call *call) {
    attend_job job = attend_job_of(call, call->width, call->mean, call->scale, call->shift, call->score);
    if (!job.lanes) return HEX_NO_MEMORY;
    int64_t scratch = call->channels * (int64_t)sizeof(float);
    int status = hex_run(NAME(attend_task), &job, call->images, call->threads, scratch);
    free(job.lanes);
    return status;
}

/* One pixel: its x_grad; adds to the gradients of the channels' gates; gives the gradient of its own gate. */
TEMPLATE vec NAME(attend_grad_lanes)(const element *x, const element *grad, int64_t count, const float *channel_gate,
                                     float gate, float *channel_gate_grad, element *x_grad) {
    vec g = load_elements(grad, count), product = g * load_elements(x, count), c = vec_load_first(channel_gate, count);
    vec_store(channel_gate_grad, vec_load(channel_gate_grad) + product * vec_set(gate));
    store_elements(x_grad, g * (c * vec_set(gate)), count);
    return product * c;
}
static void NAME(attend_grad_image)(const hex_attend_grad_call *call, int64_t image, const float *channel_gate,
                                    float *lanes) {
    int64_t channels = call->channels, whole = channels / LANES * LANES, padded = whole_vectors(channels);
    float *total = lanes + padded;
    memset(total, 0, sizeof(float) * (size_t)padded);
    for (int64_t i = 0; i < call->pixels; i++) {
        if (i % 64 == 0) flush(total, lanes, padded);
        int64_t pixel = image * call->pixels + i, at = pixel * channels;
        const element *x = (const element *)call->x + at, *grad = (const element *)call->grad + at;
        element *to = (element *)call->x_grad + at;
        float own = call->width ? call->pixel_gate[pixel] : 0, gate = call->plus + own;
        vec sum = vec_zero();
        for (int64_t c = 0; c < whole; c += LANES)
            sum += NAME(attend_grad_lanes)(x + c, grad + c, LANES, channel_gate + c, gate, lanes + c, to + c);
        if (whole < channels)
            sum += NAME(attend_grad_lanes)(x + whole, grad + whole, channels - whole, channel_gate + whole, gate,
                                           lanes + whole, to + whole);
        if (call->width) call->logit_grad[pixel] = lane_sum(sum) * own * (1 - own);
    }
    flush(total, lanes, padded);
    if (call->channel_gate) memcpy(call->channel_gate_grad + image * channels, total, sizeof(float) * (size_t)channels);
}
/* What the gate of a pixel is made from: gradients of its score's weights and of what they multiply. */
static void NAME(score_grad_image)(const hex_attend_grad_call *call, int64_t image, const attend_job *job, float *lanes) {
    int64_t width = call->width, padded = job->padded;
    float *total = lanes + padded;
    memset(lanes, 0, sizeof(float) * (size_t)(2 * padded));
    for (int64_t i = 0; i < call->pixels; i++) {
        if (i % 64 == 0) flush(total, lanes, padded);
        int64_t pixel = image * call->pixels + i;
        const element *reduced = (const element *)call->reduced + pixel * width;
        element *to = (element *)call->scaled_grad + pixel * width;
        vec grad = vec_set(call->logit_grad[pixel]);
        for (int64_t j = 0; j < width; j += LANES) {
            vec v = NAME(activated)(reduced + j, width - j, job->lanes + j, padded);
            vec_store(lanes + j, vec_load(lanes + j) + v * grad);
            store_elements(to + j, grad * vec_load(job->lanes + 3 * padded + j), width - j);
        }
    }
    flush(total, lanes, padded);
    memcpy(call->score_grad + image * width, total, sizeof(float) * (size_t)width);
}
static void NAME(attend_grad_task)(const void *data, int64_t image, void *scratch) {
    const attend_job *job = data;
    const hex_attend_grad_call *call = job->call;
    int64_t padded = whole_vectors(call->channels);
    float *ones = scratch, *lanes = ones + padded;
    const float *channel_gate = gate_or_ones(call->channel_gate, image, call->channels, ones);
    memset(lanes, 0, sizeof(float) * (size_t)padded);
    NAME(attend_grad_image)(call, image, channel_gate, lanes);
    if (call->width) NAME(score_grad_image)(call, image, job, lanes);
}
static int NAME(attend_grad)(const hex_attend_grad_call *call) {
    attend_job job = attend_job_of(call, call->width, call->mean, call->scale, call->shift, call->score);
    if (!job.lanes) return HEX_NO_MEMORY;
    int64_t channels = whole_vectors(call->channels), most = channels > job.padded ? channels : job.padded;
    int64_t scratch = (channels + 2 * most) * (int64_t)sizeof(float);
    int status = hex_run(NAME(attend_grad_task), &job, call->images, call->threads, scratch);
    free(job.lanes);
    return status;
}
