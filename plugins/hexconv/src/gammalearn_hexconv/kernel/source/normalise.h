/* Template: batch normalisation, with residual and ReLU. Needs an operand_*.h. */

/* Sums over rows, lane by lane. `width` vectors, `deep` rows at a time. */
TEMPLATE void NAME(add_lanes)(const int width, const int deep, const element *x, int64_t end, int64_t period, float *sums) {
    vec total[8];
    UNROLL for (int i = 0; i < width * deep; i++) total[i] = vec_zero();
    for (int64_t at = 0; at < end; at += deep * period)
        UNROLL for (int d = 0; d < deep; d++) {
            if (at + d * period >= end) break;
            UNROLL for (int j = 0; j < width; j++)
                total[d * width + j] += load_elements(x + at + d * period + j * LANES, LANES);
        }
    UNROLL for (int j = 0; j < width; j++) {
        UNROLL for (int d = 1; d < deep; d++) total[j] += total[d * width + j];
        vec_store(sums + j * LANES, total[j]);
    }
}
static void NAME(add_rows)(const element *x, int64_t n, int64_t period, float *sums) {
    int64_t end = n / period * period, j = 0;
    for (; j + 4 * LANES <= period; j += 4 * LANES) NAME(add_lanes)(4, 2, x + j, end, period, sums + j);
    for (; j + 2 * LANES <= period; j += 2 * LANES) NAME(add_lanes)(2, 4, x + j, end, period, sums + j);
    for (; j < period; j += LANES) NAME(add_lanes)(1, 8, x + j, end, period, sums + j);
    for (j = 0; end + j < n; j += LANES) add_first(sums + j, load_elements(x + end + j, n - end - j), n - end - j);
}

/* Sums of the distances from `mean`, and of their squares: `plain` and `squares`. */
TEMPLATE void NAME(add_distances)(const int width, const int deep, const element *x, int64_t end, int64_t period,
                                  const float *mean, float *plain, float *squares) {
    vec total[4], square[4];
    UNROLL for (int i = 0; i < width * deep; i++) total[i] = square[i] = vec_zero();
    for (int64_t at = 0; at < end; at += deep * period)
        UNROLL for (int d = 0; d < deep; d++) {
            if (at + d * period >= end) break;
            UNROLL for (int j = 0; j < width; j++) {
                vec v = load_elements(x + at + d * period + j * LANES, LANES) - vec_load(mean + j * LANES);
                total[d * width + j] += v;
                square[d * width + j] += v * v;
            }
        }
    UNROLL for (int j = 0; j < width; j++) {
        UNROLL for (int d = 1; d < deep; d++) total[j] += total[d * width + j], square[j] += square[d * width + j];
        vec_store(plain + j * LANES, total[j]);
        vec_store(squares + j * LANES, square[j]);
    }
}
static void NAME(add_moments)(const element *x, int64_t n, int64_t period, const float *mean, float *plain,
                              float *squares) {
    int64_t end = n / period * period, j = 0;
    for (; j + 4 * LANES <= period; j += 4 * LANES)
        NAME(add_distances)(4, 1, x + j, end, period, mean + j, plain + j, squares + j);
    for (; j + 2 * LANES <= period; j += 2 * LANES)
        NAME(add_distances)(2, 2, x + j, end, period, mean + j, plain + j, squares + j);
    for (; j < period; j += LANES) NAME(add_distances)(1, 4, x + j, end, period, mean + j, plain + j, squares + j);
    for (j = 0; end + j < n; j += LANES) {
        vec v = load_elements(x + end + j, n - end - j) - vec_load(mean + j);
        add_first(plain + j, v, n - end - j);
        add_first(squares + j, v * v, n - end - j);
    }
}

static void NAME(moments_task)(const void *data, int64_t i, void *scratch) {
    const rows_job *job = data;
    const hex_moments_call *call = job->call;
    row_blocks b = job->blocks;
    int64_t channels = call->channels, n = block_size(b, i);
    const element *x = (const element *)call->x + i * b.size;
    float *sums = job->sums + 3 * i * channels, *mean = scratch, *plain = mean + b.period, *squares = plain + b.period;
    NAME(add_rows)(x, n, b.period, plain);
    fold(mean, plain, channels, b.period);
    for (int64_t c = 0; c < channels; c++) sums[c] = mean[c] = mean[c] * (float)channels / (float)n;
    for (int64_t c = channels; c < b.period; c++) mean[c] = mean[c - channels];
    NAME(add_moments)(x, n, b.period, mean, plain, squares);
    fold(sums + channels, plain, channels, b.period);
    fold(sums + 2 * channels, squares, channels, b.period);
}
static int NAME(moments)(const hex_moments_call *call) {
    row_blocks b = blocks_of(call->rows, call->channels);
    rows_job job = {call, b, 0, floats(3 * b.count * call->channels)};
    if (!job.sums) return HEX_NO_MEMORY;
    int status = hex_run(NAME(moments_task), &job, b.count, call->threads, 3 * b.period * (int64_t)sizeof(float));
    if (status == HEX_DONE) join_moments(call, b, job.sums);
    free(job.sums);
    return status;
}

/* n numbers; mean, scale and shift are repeated to a period. */
TEMPLATE void NAME(normalise_lanes)(const int add, const int relu, int64_t count, const element *x, const element *residual,
                                    const float *mean, const float *scale, const float *shift, element *y) {
    vec v = (load_elements(x, count) - vec_load(mean)) * vec_load(scale) + vec_load(shift);
    if (add) v += load_elements(residual, count);
    store_elements(y, relu ? cut(v) : v, count);
}
TEMPLATE void NAME(normalise_range)(const int add, const int relu, const element *x, const element *residual, int64_t n,
                                    int64_t period, const float *mean, const float *scale, const float *shift, element *y) {
    int64_t at = 0;
    for (; at + period <= n; at += period)
        for (int64_t j = 0; j < period; j += LANES)
            NAME(normalise_lanes)(add, relu, LANES, x + at + j, residual + at + j, mean + j, scale + j, shift + j, y + at + j);
    for (int64_t j = 0; at + j < n; j += LANES)
        NAME(normalise_lanes)(add, relu, n - at - j, x + at + j, residual + at + j, mean + j, scale + j, shift + j, y + at + j);
}
INSTANCE void NAME(normalise_plain)(const element *x, const element *residual, int64_t n, int64_t period, const float *mean,
                                    const float *scale, const float *shift, int64_t relu, element *y) {
    if (residual && relu) NAME(normalise_range)(1, 1, x, residual, n, period, mean, scale, shift, y);
    if (residual && !relu) NAME(normalise_range)(1, 0, x, residual, n, period, mean, scale, shift, y);
    if (!residual && relu) NAME(normalise_range)(0, 1, x, x, n, period, mean, scale, shift, y);
    if (!residual && !relu) NAME(normalise_range)(0, 0, x, x, n, period, mean, scale, shift, y);
}
static void NAME(normalise_task)(const void *data, int64_t i, void *scratch) {
    const rows_job *job = data;
    const hex_normalise_call *call = job->call;
    (void)scratch;
    int64_t at = i * job->blocks.size, n = block_size(job->blocks, i), period = job->blocks.period;
    const element *x = (const element *)call->x + at, *r = call->residual ? (const element *)call->residual + at : 0;
    const float *mean = job->lanes, *scale = mean + period, *shift = scale + period;
    NAME(normalise_plain)(x, r, n, period, mean, scale, shift, call->relu, (element *)call->y + at);
}
static int NAME(normalise)(const hex_normalise_call *call) {
    row_blocks b = blocks_of(call->rows, call->channels);
    rows_job job = {call, b, floats(3 * b.period), 0};
    if (!job.lanes) return HEX_NO_MEMORY;
    repeat(job.lanes, call->mean, call->channels, b.period);
    repeat(job.lanes + b.period, call->scale, call->channels, b.period);
    repeat(job.lanes + 2 * b.period, call->shift, call->channels, b.period);
    int status = hex_run(NAME(normalise_task), &job, b.count, call->threads, 0);
    free(job.lanes);
    return status;
}
