/* Template: gradients of batch normalisation, with residual and ReLU. Needs an operand_*.h. */

/* The gradient that gets through the ReLU. The forward pass is made again with the very same operations. */
TEMPLATE vec NAME(through)(const int by, int64_t count, const element *grad, const element *y, vec distance,
                           const float *scale, const float *shift) {
    vec g = load_elements(grad, count);
    if (by == HEX_CUT_BY_X) return where(passes(distance * vec_load(scale) + vec_load(shift)), g);
    return by == HEX_CUT_BY_Y ? where(passes(load_elements(y, count)), g) : g;
}
/* Sums over rows, lane by lane, of that gradient and of its product with x - mean. */
TEMPLATE void NAME(add_grads)(const int width, const int by, const element *x, const element *y, const element *grad,
                              int64_t end, int64_t period, const float *mean, float *sums) {
    const float *scale = mean + period, *shift = scale + period;
    vec plain[4], moment[4];
    UNROLL for (int j = 0; j < width; j++) plain[j] = moment[j] = vec_zero();
    for (int64_t at = 0; at < end; at += period)
        UNROLL for (int j = 0; j < width; j++) {
            int64_t k = at + j * LANES;
            vec distance = load_elements(x + k, LANES) - vec_load(mean + j * LANES);
            vec g = NAME(through)(by, LANES, grad + k, y + k, distance, scale + j * LANES, shift + j * LANES);
            plain[j] += g;
            moment[j] += g * distance;
        }
    UNROLL for (int j = 0; j < width; j++) {
        vec_store(sums + j * LANES, plain[j]);
        vec_store(sums + period + j * LANES, moment[j]);
    }
}
TEMPLATE void NAME(grad_sums)(const int by, const element *x, const element *y, const element *grad, int64_t n,
                              int64_t period, const float *mean, float *sums) {
    int64_t end = n / period * period, j = 0;
    for (; j + 4 * LANES <= period; j += 4 * LANES)
        NAME(add_grads)(4, by, x + j, y + j, grad + j, end, period, mean + j, sums + j);
    for (; j < period; j += LANES) NAME(add_grads)(1, by, x + j, y + j, grad + j, end, period, mean + j, sums + j);
    for (j = 0; end + j < n; j += LANES) {
        int64_t k = end + j, count = n - k;
        vec distance = load_elements(x + k, count) - vec_load(mean + j);
        vec g = NAME(through)(by, count, grad + k, y + k, distance, mean + period + j, mean + 2 * period + j);
        add_first(sums + j, g, count);
        add_first(sums + period + j, g * distance, count);
    }
}
static void NAME(normalise_sums_task)(const void *data, int64_t i, void *scratch) {
    const rows_job *job = data;
    const hex_normalise_grad_call *call = job->call;
    int64_t at = i * job->blocks.size, n = block_size(job->blocks, i), period = job->blocks.period;
    const element *x = (const element *)call->x + at, *g = (const element *)call->grad + at;
    const element *y = call->cut == HEX_CUT_BY_Y ? (const element *)call->y + at : x;
    float *lanes = scratch, *sums = job->sums + 2 * i * call->channels;
    if (call->cut == HEX_CUT_NOWHERE) NAME(grad_sums)(HEX_CUT_NOWHERE, x, y, g, n, period, job->lanes, lanes);
    if (call->cut == HEX_CUT_BY_X) NAME(grad_sums)(HEX_CUT_BY_X, x, y, g, n, period, job->lanes, lanes);
    if (call->cut == HEX_CUT_BY_Y) NAME(grad_sums)(HEX_CUT_BY_Y, x, y, g, n, period, job->lanes, lanes);
    fold(sums, lanes, call->channels, period);
    fold(sums + call->channels, lanes + period, call->channels, period);
}

/* What a part of the data is in all the arrays. */
typedef struct {
    const element *x, *y, *grad, *more;
    element *x_grad, *residual_grad;
    int64_t n;
} NAME(grad_part);
TEMPLATE void NAME(grad_lanes)(const int by, int64_t count, NAME(grad_part) p, int64_t at, int64_t period,
                               const float *mean) {
    const float *scale = mean + period, *shift = scale + period, *level = shift + period, *slope = level + period;
    vec distance = load_elements(p.x + at, count) - vec_load(mean);
    vec g = NAME(through)(by, count, p.grad + at, p.y + at, distance, scale, shift);
    if (p.residual_grad) store_elements(p.residual_grad + at, g, count);
    g = g * vec_load(scale) - vec_load(level) - distance * vec_load(slope);
    if (p.more) g += load_elements(p.more + at, count);
    store_elements(p.x_grad + at, g, count);
}
TEMPLATE void NAME(grad_range)(const int by, NAME(grad_part) p, int64_t period, const float *mean) {
    int64_t at = 0;
    for (; at + period <= p.n; at += period)
        for (int64_t j = 0; j < period; j += LANES) NAME(grad_lanes)(by, LANES, p, at + j, period, mean + j);
    for (int64_t j = 0; at + j < p.n; j += LANES) NAME(grad_lanes)(by, p.n - at - j, p, at + j, period, mean + j);
}
static void NAME(normalise_grad_task)(const void *data, int64_t i, void *scratch) {
    const rows_job *job = data;
    const hex_normalise_grad_call *call = job->call;
    (void)scratch;
    int64_t at = i * job->blocks.size, period = job->blocks.period;
    NAME(grad_part) p = {.x = (const element *)call->x + at, .grad = (const element *)call->grad + at};
    p.y = call->cut == HEX_CUT_BY_Y ? (const element *)call->y + at : p.x;
    p.more = call->more ? (const element *)call->more + at : 0;
    p.x_grad = (element *)call->x_grad + at;
    p.residual_grad = call->residual_grad ? (element *)call->residual_grad + at : 0;
    p.n = block_size(job->blocks, i);
    if (call->cut == HEX_CUT_NOWHERE) NAME(grad_range)(HEX_CUT_NOWHERE, p, period, job->lanes);
    if (call->cut == HEX_CUT_BY_X) NAME(grad_range)(HEX_CUT_BY_X, p, period, job->lanes);
    if (call->cut == HEX_CUT_BY_Y) NAME(grad_range)(HEX_CUT_BY_Y, p, period, job->lanes);
}
static int NAME(normalise_grad)(const hex_normalise_grad_call *call) {
    row_blocks b = blocks_of(call->rows, call->channels);
    rows_job job = {call, b, floats(5 * b.period + 2 * b.count * call->channels), 0};
    if (!job.lanes) return HEX_NO_MEMORY;
    job.sums = job.lanes + 5 * b.period;
    repeat(job.lanes, call->mean, call->channels, b.period);
    repeat(job.lanes + b.period, call->scale, call->channels, b.period);
    repeat(job.lanes + 2 * b.period, call->shift, call->channels, b.period);
    int64_t scratch = 2 * b.period * (int64_t)sizeof(float);
    int status = hex_run(NAME(normalise_sums_task), &job, b.count, call->threads, scratch);
    if (status == HEX_DONE) {
        join_grads(call, &job);
        status = hex_run(NAME(normalise_grad_task), &job, b.count, call->threads, 0);
    }
    free(job.lanes);
    return status;
}
