/* Template: indirect convolution (Dukhan, arXiv:1907.02129). Needs an operand_*.h.
 *
 * The output pixels of all images are numbered through. For a group of them, pointers to the input pixels are looked
 * up, tap by tap; a missing neighbour is a row of zeros. Then tile after tile of outputs is summed up in registers: no
 * copy of the input is made, and nothing but the output is written. The order of summation of an output, taps then
 * channels, is the same wherever the output stands in its group, so results depend neither on the batch nor on the
 * threads.
 *
 * Zeros are multiplied like other inputs: a weight that is infinite or NaN makes NaN where a neighbour is missing. */

typedef struct {
    const element *const *rows; /* (steps, GROUP): pixels as the taps show them */
    const int32_t *taps;        /* (steps) */
    int64_t steps;
    int64_t inputs, first_input; /* channels to multiply: how many, where they begin in a pixel */
    const weight *weights;       /* of this tile of output channels */
    int64_t tap_size;            /* weights of one tap */
    const float *bias, *scale, *shift;
    int64_t rows_left, outputs_left; /* how much of the tile exists */
    int64_t relu;
    const element *const *ahead; /* (GROUP) pixels that will be wanted soon, or null */
    int64_t pixel_size;          /* and their elements */
    const int64_t *places;       /* (GROUP) of the output pixels, in elements from the following */
    const element *residual;
    element *y, *second;
} NAME(tile_call);

/* `steps` steps of the channels, from those at `first` on; `w` has their weights. */
TEMPLATE void NAME(multiply_some)(const int rows, const int width, const int steps, const element *const *x,
                                  int64_t first, const weight *w, vec *sum) {
    operand weights[8];
    UNROLL for (int u = 0; u < steps * width; u++) weights[u] = operand_weights(w + u * LANES * STEP);
    UNROLL for (int r = 0; r < rows; r++) {
        const element *p = x[r] + first;
        UNROLL for (int u = 0; u < steps; u++) {
            operand pixel = operand_pixel(p + u * STEP);
            UNROLL for (int j = 0; j < width; j++)
                sum[r * width + j] = operand_multiply_add(sum[r * width + j], pixel, weights[u * width + j]);
        }
    }
}

/* The last channel, where there is but a part of a step. */
TEMPLATE void NAME(multiply_last)(const int rows, const int width, const element *const *x, int64_t first,
                                  const weight *w, vec *sum) {
    operand weights[MAX_WIDTH];
    UNROLL for (int j = 0; j < width; j++) weights[j] = operand_weights(w + j * LANES * STEP);
    UNROLL for (int r = 0; r < rows; r++) {
        operand pixel = operand_last(x[r] + first);
        UNROLL for (int j = 0; j < width; j++)
            sum[r * width + j] = operand_multiply_add(sum[r * width + j], pixel, weights[j]);
    }
}

/* Puts the sums of some taps aside, and begins anew. */
TEMPLATE void NAME(put_aside)(const int rows, const int width, vec *sum, vec *aside) {
    UNROLL for (int i = 0; i < rows * width; i++) {
        aside[i] = vec_add(aside[i], sum[i]);
        sum[i] = vec_zero();
    }
}

/* Many products are summed in parts, so that small ones are not added to a large sum one by one: the error of a sum grows
 * with the number of its terms. */
TEMPLATE void NAME(multiply)(const int rows, const int width, const int steps, const NAME(tile_call) *t, vec *sum) {
    const int64_t line = width * LANES * STEP, first = t->first_input, end = first + t->inputs;
    vec aside[REGISTERS];
    const int64_t part = MOST_PRODUCTS / t->inputs > 1 ? MOST_PRODUCTS / t->inputs : 1;
    UNROLL for (int i = 0; i < rows * width; i++) aside[i] = vec_zero();
    for (int64_t s = 0, left = part; s < t->steps; s++, left--) {
        if (!left) {
            NAME(put_aside)(rows, width, sum, aside);
            left = part;
        }
        const element *const *x = t->rows + s * GROUP;
        const weight *w = t->weights + t->taps[s] * t->tap_size;
        int64_t i = first;
        for (; i + steps * STEP <= end; i += steps * STEP, w += steps * line)
            NAME(multiply_some)(rows, width, steps, x, i, w, sum);
        for (; i + 2 * STEP <= end; i += 2 * STEP, w += 2 * line) NAME(multiply_some)(rows, width, 2, x, i, w, sum);
        for (; i + STEP <= end; i += STEP, w += line) NAME(multiply_some)(rows, width, 1, x, i, w, sum);
        if (i < end) NAME(multiply_last)(rows, width, x, i, w, sum);
    }
    NAME(put_aside)(rows, width, aside, sum);
}

/* Fetches the lines that will be written, and pixels of the next group, while the sums are under way. The processor
 * foresees neither of itself: it reads several streams at once, and writes only when a tile is done. The first-level
 * cache has no room for the next group yet. */
TEMPLATE void NAME(prefetch)(const int rows, const int width, const NAME(tile_call) *t) {
    UNROLL for (int r = 0; r < rows; r++) UNROLL for (int j = 0; j < width; j++)
        __builtin_prefetch(t->y + t->places[r] + j * LANES, 1);
    for (int64_t i = 0; t->ahead && i < t->pixel_size; i += 64 / (int64_t)sizeof(element))
        UNROLL for (int r = 0; r < rows; r++) __builtin_prefetch(t->ahead[r] + i, 0, 2);
}

/* Adds the residual, cuts at zero, and stores the sums of one vector of channels; those of pixels that do not exist are
 * computed like the others, and not stored. */
TEMPLATE void NAME(finish)(const int rows, const int width, const int j, const NAME(tile_call) *t, vec *sum) {
    const int64_t channel = j * LANES, valid = t->outputs_left - channel;
    if (t->residual) UNROLL for (int r = 0; r < rows; r++)
        sum[r * width + j] = vec_add(sum[r * width + j], load_elements(t->residual + t->places[r] + channel, valid));
    if (t->relu) UNROLL for (int r = 0; r < rows; r++) sum[r * width + j] = vec_relu(sum[r * width + j]);
    UNROLL for (int r = 0; r < rows; r++)
        if (r < t->rows_left) store_elements(t->y + t->places[r] + channel, sum[r * width + j], valid);
    if (!t->second) return;
    vec scale = vec_load_first(t->scale + channel, valid), shift = vec_load_first(t->shift + channel, valid);
    UNROLL for (int r = 0; r < rows; r++) {
        vec v = vec_relu(vec_fma(sum[r * width + j], scale, shift));
        if (r < t->rows_left) store_elements(t->second + t->places[r] + channel, v, valid);
    }
}

TEMPLATE void NAME(tile)(const int rows, const int width, const int steps, const NAME(tile_call) *t) {
    vec sum[REGISTERS];
    NAME(prefetch)(rows, width, t);
    UNROLL for (int j = 0; j < width; j++) {
        vec bias = t->bias ? vec_load_first(t->bias + j * LANES, t->outputs_left - j * LANES) : vec_zero();
        UNROLL for (int r = 0; r < rows; r++) sum[r * width + j] = bias;
    }
    NAME(multiply)(rows, width, steps, t, sum);
    UNROLL for (int j = 0; j < width; j++) NAME(finish)(rows, width, j, t, sum);
}

/* Steps as many as there are registers left for their weights: each pointer to a pixel is loaded once for all of them. */
INSTANCE void NAME(tile_1)(const NAME(tile_call) *t) { NAME(tile)(ROWS_1, 1, 4, t); }
INSTANCE void NAME(tile_2)(const NAME(tile_call) *t) { NAME(tile)(ROWS_2, 2, 4, t); }
INSTANCE void NAME(tile_3)(const NAME(tile_call) *t) { NAME(tile)(ROWS_3, 3, 2, t); }
INSTANCE void NAME(tile_4)(const NAME(tile_call) *t) { NAME(tile)(ROWS_4, 4, 2, t); }

/* The part of a plan that one class is. */
typedef struct {
    int64_t pixels, steps;
    const int32_t *taps, *outputs, *inputs;
} NAME(class);

/* A group of output pixels, and what is looked up for it. */
typedef struct {
    const hex_conv_call *call;
    NAME(class) class;
    int64_t pixels;
    int64_t *places;       /* (GROUP) */
    const element **ahead; /* (GROUP): what the last tap shows of the next group */
    const element **rows;  /* (steps, GROUP) */
} NAME(group);

static int64_t NAME(groups)(const hex_conv_call *call, int64_t pixels) {
    return (call->images * pixels + GROUP - 1) / GROUP;
}

/* The class of a task; the task becomes the number of its group within the class. */
static NAME(class) NAME(class_of)(const hex_conv_call *call, int64_t *task) {
    const hex_plan *plan = call->plan;
    NAME(class) class = {plan->pixels[0], plan->steps[0], plan->taps, plan->outputs, plan->inputs};
    for (int64_t c = 1; *task >= NAME(groups)(call, class.pixels); c++) {
        *task -= NAME(groups)(call, class.pixels);
        class.taps += class.steps;
        class.outputs += class.pixels;
        class.inputs += class.steps * class.pixels;
        class.pixels = plan->pixels[c];
        class.steps = plan->steps[c];
    }
    return class;
}

/* What one tap shows of `count` output pixels from `at` on; behind them, where the tiles read on, zeros. */
static void NAME(fill_step)(const NAME(group) *g, const NAME(source) *source, int64_t step, NAME(position) at,
                            int64_t count, const element **rows) {
    NAME(look_up)(source, g->class.inputs + step * g->class.pixels, at, count, rows);
    for (int64_t i = count; i < GROUP; i++) rows[i] = source->zeros;
}

/* Where the output pixels from `at` on are stored; behind the last, where that one is. */
static void NAME(fill_places)(const NAME(group) *g, NAME(position) at) {
    const hex_conv_call *call = g->call;
    const int64_t size = call->groups * call->outputs;
    for (int64_t i = 0, n; i < g->pixels; i += n, at.image++, at.output = 0) {
        const int64_t left = g->class.pixels - at.output, image = at.image * call->output_pixels * size;
        n = left < g->pixels - i ? left : g->pixels - i;
        for (int64_t j = 0; j < n; j++)
            g->places[i + j] = image + (int64_t)g->class.outputs[at.output + j] * (int32_t)size;
    }
    for (int64_t i = g->pixels; i < GROUP; i++) g->places[i] = g->places[g->pixels - 1];
}

static int64_t NAME(group_pixels)(const NAME(group) *g, int64_t first) {
    const int64_t left = g->call->images * g->class.pixels - first;
    return left < 0 ? 0 : left < GROUP ? left : GROUP;
}

/* Everything about the group number `number` of the class. */
static void NAME(fill)(NAME(group) *g, int64_t number, const element *zeros) {
    const hex_conv_call *call = g->call;
    const NAME(class) *class = &g->class;
    const int64_t pixel = call->groups * call->inputs, first = number * GROUP, next = first + GROUP;
    const NAME(source) source = {call->x, call->input_pixels * pixel, pixel, class->pixels, zeros};
    const NAME(position) at = NAME(position_of)(&source, first);
    g->pixels = NAME(group_pixels)(g, first);
    for (int64_t s = 0; s < class->steps; s++) NAME(fill_step)(g, &source, s, at, g->pixels, g->rows + s * GROUP);
    NAME(fill_places)(g, at);
    if (class->steps)
        NAME(fill_step)(g, &source, class->steps - 1, NAME(position_of)(&source, next), NAME(group_pixels)(g, next),
                        g->ahead);
}

/* All tiles of the group that share the output channels from `first` on, `width` vectors of them. */
static void NAME(column)(const NAME(group) *g, NAME(tile_call) t, int64_t first, int64_t width) {
    static void (*const tiles[])(const NAME(tile_call) *) = {0, NAME(tile_1), NAME(tile_2), NAME(tile_3), NAME(tile_4)};
    static const int64_t tile_rows[] = {0, ROWS_1, ROWS_2, ROWS_3, ROWS_4};
    const hex_conv_call *call = g->call;
    if (call->bias) t.bias = call->bias + first;
    if (call->residual) t.residual = (const element *)call->residual + first;
    if (call->second) {
        t.scale = call->scale + first;
        t.shift = call->shift + first;
        t.second = (element *)call->second + first;
    }
    t.y = (element *)call->y + first;
    for (int64_t i = 0; i < g->pixels; i += tile_rows[width]) {
        t.rows = g->rows + i;
        t.places = g->places + i;
        t.rows_left = g->pixels - i;
        t.ahead = first == 0 && g->class.steps ? g->ahead + i : 0;
        tiles[width](&t);
    }
}

static int64_t NAME(most_steps)(const hex_plan *plan) {
    int64_t most = 0;
    for (int64_t c = 0; c < plan->classes; c++)
        if (plan->steps[c] > most) most = plan->steps[c];
    return most;
}

/* The scratch holds places, ahead, rows, and a pixel of zeros, which is never written. */
static int64_t NAME(scratch_bytes)(const hex_conv_call *call) {
    int64_t rows = (NAME(most_steps)(call->plan) + 1) * (int64_t)sizeof(element *);
    return GROUP * ((int64_t)sizeof(int64_t) + rows) + call->groups * call->inputs * (int64_t)sizeof(element);
}

static void NAME(conv_task)(const void *data, int64_t task, void *scratch) {
    const hex_conv_call *call = data;
    NAME(group) g = {.call = call, .class = NAME(class_of)(call, &task), .places = scratch};
    g.ahead = (const element **)(g.places + GROUP);
    g.rows = g.ahead + GROUP;
    NAME(fill)(&g, task, (const element *)(g.rows + NAME(most_steps)(call->plan) * GROUP));
    NAME(tile_call) t = {.taps = g.class.taps, .steps = g.class.steps, .inputs = call->inputs, .relu = call->relu};
    t.weights = call->packed;
    t.pixel_size = call->groups * call->inputs;
    for (int64_t group = 0; group < call->groups; group++, t.first_input += call->inputs)
        for (int64_t v = 0, width; v < vectors(call->outputs); v += width) {
            width = next_width(vectors(call->outputs) - v);
            t.tap_size = (call->inputs + STEP - 1) / STEP * STEP * width * LANES;
            t.outputs_left = call->outputs - v * LANES;
            NAME(column)(&g, t, group * call->outputs + v * LANES, width);
            t.weights += call->taps * t.tap_size;
        }
}

static int NAME(conv)(const hex_conv_call *call) {
    int64_t tasks = 0;
    for (int64_t c = 0; c < call->plan->classes; c++) tasks += NAME(groups)(call, call->plan->pixels[c]);
    return hex_run(NAME(conv_task), call, tasks, call->threads, NAME(scratch_bytes)(call));
}
