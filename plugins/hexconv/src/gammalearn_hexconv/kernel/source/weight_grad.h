/* Template: the gradients of weights and bias. Needs an operand_*.h and lookup.h.
 *
 * The output pixels of all images, numbered through, are cut into parts. Their number and bounds follow from the sizes
 * alone, each part is summed up in the order of its pixels, and the sums of the parts are added in their order: so the
 * result does not depend on the threads. Within a part, pixels go block by block through the cache, and for each block
 * panels of taps: the input channels that the taps of a panel show are a row. `outer_product` adds up, over the pixels,
 * every number of the row times every number of the grad.
 *
 * The grad is loaded as vectors, the row number by number, and each number is multiplied with several vectors. Where the
 * grad has but one vector to offer, the two are swapped, as otherwise a number would be loaded for each product. */

typedef struct {
    const hex_weight_grad_call *call;
    int64_t swapped;            /* whether rows are loaded as vectors, and the grad number by number */
    int64_t in_place;           /* whether rows are used where they are */
    int64_t pixels;             /* output pixels of all images */
    int64_t block;              /* pixels of a block */
    int64_t padded;             /* output channels of a group, filled up to whole vectors */
    int64_t panel_taps, panels; /* taps of a panel, of which the last may have fewer */
    int64_t row_size;           /* input channels of a panel, filled up to whole vectors */
    int64_t group_size;         /* floats of a group's sums */
    int64_t parts, part_size;   /* and floats of a part's sums: those of the groups, then (groups, padded) for the bias */
    int64_t pieces;             /* tasks that share the panels of a part */
    float *sums;                /* (parts, part_size) */
} NAME(grad_plan);

/* The memory of a worker. What fills rows and grad up to whole vectors is of no account: the sums made of it are not
 * looked at. */
typedef struct {
    const element **found;   /* (block): pixels that a tap shows */
    const float **row_list;  /* (taps of a panel, block): the rows, tap by tap, or whole ones */
    const float **grad_list; /* (block): the grad of a group */
    float *rows;             /* (block, row_size): the rows, where they are not used in place */
    float *grad;             /* (block, padded): the grad, where it is not used in place */
    element *zeros;          /* a pixel, never written */
} NAME(grad_scratch);

/* Pixels of a part that are in work: `count` from the one numbered `first` on; and a group of their channels. */
typedef struct {
    int64_t first, count, group;
} NAME(grad_block);

static NAME(grad_scratch) NAME(grad_scratch_in)(const NAME(grad_plan) *p, void *memory) {
    NAME(grad_scratch) s = {.found = memory};
    s.row_list = (const float **)(s.found + p->block);
    s.grad_list = s.row_list + p->panel_taps * p->block;
    s.rows = (float *)(s.grad_list + p->block);
    s.grad = s.rows + p->block * p->row_size;
    s.zeros = (element *)(s.grad + p->block * p->padded);
    return s;
}

static int64_t NAME(grad_scratch_bytes)(const NAME(grad_plan) *p) {
    const int64_t pointers = (2 + p->panel_taps) * (int64_t)sizeof(void *);
    const int64_t floats = (p->row_size + p->padded) * (int64_t)sizeof(float);
    return p->block * (pointers + floats) + p->call->groups * p->call->inputs * (int64_t)sizeof(element);
}

static int64_t NAME(taps_of)(const NAME(grad_plan) *p, int64_t panel) {
    const int64_t left = p->call->taps - panel * p->panel_taps;
    return left < p->panel_taps ? left : p->panel_taps;
}

static NAME(source) NAME(grad_source)(const NAME(grad_plan) *p, const NAME(grad_scratch) *s, int64_t group) {
    const hex_weight_grad_call *call = p->call;
    const int64_t pixel = call->groups * call->inputs;
    const element *x = (const element *)call->x + group * call->inputs;
    return (NAME(source)){x, call->input_pixels * pixel, pixel, call->output_pixels, s->zeros};
}

static void NAME(widen)(const element *from, int64_t n, float *to) {
    for (; n >= LANES; n -= LANES, from += LANES, to += LANES) vec_store(to, load_elements(from, LANES));
    for (int64_t i = 0; i < n; i++) to[i] = value_of(from[i]);
}

/* Lists the grad of the group's output channels, in float and in whole vectors. */
static void NAME(take_grad)(const NAME(grad_plan) *p, const NAME(grad_scratch) *s, const NAME(grad_block) *block) {
    const hex_weight_grad_call *call = p->call;
    const int64_t pixel = call->groups * call->outputs;
    const element *grad = (const element *)call->grad + block->first * pixel + block->group * call->outputs;
    const int in_place = IN_PLACE && p->padded == call->outputs;
    for (int64_t q = 0; q < block->count; q++) {
        if (!in_place) NAME(widen)(grad + q * pixel, call->outputs, s->grad + q * p->padded);
        s->grad_list[q] = in_place ? (const float *)(grad + q * pixel) : s->grad + q * p->padded;
    }
}

static const int32_t *NAME(column_of)(const NAME(grad_plan) *p, int64_t panel, int64_t tap) {
    return p->call->plan->inputs + (panel * p->panel_taps + tap) * p->call->output_pixels;
}

/* Lists what the taps of a panel show, in place; only for floats. */
static void NAME(list_rows)(const NAME(grad_plan) *p, const NAME(grad_scratch) *s, int64_t panel,
                            const NAME(grad_block) *block) {
    const NAME(source) source = NAME(grad_source)(p, s, block->group);
    const NAME(position) at = NAME(position_of)(&source, block->first);
    for (int64_t t = 0; t < NAME(taps_of)(p, panel); t++) {
        const element **list = (const element **)(s->row_list + t * p->block);
        NAME(look_up)(&source, NAME(column_of)(p, panel, t), at, block->count, list);
    }
}

TEMPLATE void NAME(copy_few)(const int few, const NAME(grad_plan) *p, const NAME(grad_scratch) *s, int64_t count,
                             float *to) {
    for (int64_t q = 0; q < count; q++, to += p->row_size)
        UNROLL for (int i = 0; i < few; i++) to[i] = value_of(s->found[q][i]);
}

/* Copies what has been found for one tap. */
static void NAME(copy_found)(const NAME(grad_plan) *p, const NAME(grad_scratch) *s, int64_t count, float *to) {
    const int64_t n = p->call->inputs;
    if (n == 1)
        NAME(copy_few)(1, p, s, count, to);
    else if (n == 2)
        NAME(copy_few)(2, p, s, count, to);
    else
        for (int64_t q = 0; q < count; q++, to += p->row_size) NAME(widen)(s->found[q], n, to);
}

/* Copies what the taps of a panel show, and lists the copies. */
static void NAME(copy_rows)(const NAME(grad_plan) *p, const NAME(grad_scratch) *s, int64_t panel,
                            const NAME(grad_block) *block) {
    const NAME(source) source = NAME(grad_source)(p, s, block->group);
    const NAME(position) at = NAME(position_of)(&source, block->first);
    const int64_t n = p->call->inputs, taps = NAME(taps_of)(p, panel);
    for (int64_t t = 0; t < taps; t++) {
        NAME(look_up)(&source, NAME(column_of)(p, panel, t), at, block->count, s->found);
        NAME(copy_found)(p, s, block->count, s->rows + t * n);
    }
    for (int64_t q = 0; q < block->count; q++) s->row_list[q] = s->rows + q * p->row_size;
}

static void NAME(fetch)(const element *from, int64_t n) {
    for (int64_t i = 0; i < n; i += 64 / (int64_t)sizeof(element)) __builtin_prefetch(from + i);
}

/* While a panel is in work, fetches its share of the next block: grad, and what the last tap shows. */
static void NAME(fetch_ahead)(const NAME(grad_plan) *p, const NAME(grad_scratch) *s, int64_t panel,
                              const NAME(grad_block) *block) {
    const hex_weight_grad_call *call = p->call;
    const NAME(source) source = NAME(grad_source)(p, s, 0);
    const int64_t grad_pixel = call->groups * call->outputs;
    const int64_t next = block->first + block->count, left = p->pixels - next, most = left < p->block ? left : p->block;
    const int64_t from = most * panel / p->panels, count = most * (panel + 1) / p->panels - from;
    const int32_t *inputs = call->plan->inputs + (call->taps - 1) * call->output_pixels;
    NAME(look_up)(&source, inputs, NAME(position_of)(&source, next + from), count, s->found);
    for (int64_t q = 0; q < count; q++) NAME(fetch)(s->found[q], source.pixel_size);
    NAME(fetch)((const element *)call->grad + (next + from) * grad_pixel, count * grad_pixel);
}

/* Four sums side by side, as an addition has to wait for the one before. */
static void NAME(add_bias)(const NAME(grad_plan) *p, const NAME(grad_scratch) *s, int64_t count, float *sums) {
    for (int64_t j = 0; j < p->padded; j += LANES) {
        vec sum[4] = {vec_load(sums + j), vec_zero(), vec_zero(), vec_zero()};
        int64_t q = 0;
        for (; q + 4 <= count; q += 4)
            UNROLL for (int i = 0; i < 4; i++) sum[i] = vec_add(sum[i], vec_load(s->grad_list[q + i] + j));
        for (; q < count; q++) sum[0] = vec_add(sum[0], vec_load(s->grad_list[q] + j));
        vec_store(sums + j, vec_add(vec_add(sum[0], sum[1]), vec_add(sum[2], sum[3])));
    }
}

/* One panel of a block. Sums of a group are (taps, inputs, padded), or (panels, outputs, row_size) if swapped. */
static void NAME(add_panel)(const NAME(grad_plan) *p, const NAME(grad_scratch) *s, int64_t panel,
                            const NAME(grad_block) *block, float *sums) {
    const int64_t outputs = p->call->outputs, n = NAME(taps_of)(p, panel) * p->call->inputs;
    if (block->group == 0) NAME(fetch_ahead)(p, s, panel, block);
    (p->in_place ? NAME(list_rows) : NAME(copy_rows))(p, s, panel, block);
    if (p->swapped) {
        const outer_source rows = {s->row_list, p->block, p->in_place ? p->call->inputs : p->row_size};
        outer_product(s->grad_list, outputs, &rows, vectors(n) * LANES, block->count,
                      sums + panel * outputs * p->row_size, p->row_size);
    } else {
        const outer_source grad = {s->grad_list, p->block, p->padded};
        outer_product(s->row_list, n, &grad, p->padded, block->count,
                      sums + panel * p->panel_taps * p->call->inputs * p->padded, p->padded);
    }
}

/* One task: some of the panels of one part. */
static void NAME(grad_task)(const void *data, int64_t task, void *memory) {
    const NAME(grad_plan) *p = data;
    const NAME(grad_scratch) s = NAME(grad_scratch_in)(p, memory);
    const int64_t part = task / p->pieces, piece = task % p->pieces, end = p->pixels * (part + 1) / p->parts;
    float *sums = p->sums + part * p->part_size, *bias = sums + p->call->groups * p->group_size;
    NAME(grad_block) block = {.first = p->pixels * part / p->parts};
    for (; block.first < end; block.first += block.count) {
        block.count = end - block.first < p->block ? end - block.first : p->block;
        for (block.group = 0; block.group < p->call->groups; block.group++) {
            NAME(take_grad)(p, &s, &block);
            if (piece == 0 && p->call->bias_grad)
                NAME(add_bias)(p, &s, block.count, bias + block.group * p->padded);
            for (int64_t k = p->panels * piece / p->pieces; k < p->panels * (piece + 1) / p->pieces; k++)
                NAME(add_panel)(p, &s, k, &block, sums + block.group * p->group_size);
        }
    }
}

static float NAME(sum_of_parts)(const NAME(grad_plan) *p, int64_t at) {
    float sum = p->sums[at];
    for (int64_t part = 1; part < p->parts; part++) sum += p->sums[part * p->part_size + at];
    return sum;
}

/* Where a group's sums have that of a weight. */
static int64_t NAME(sum_place)(const NAME(grad_plan) *p, int64_t output, int64_t input, int64_t tap) {
    const hex_weight_grad_call *call = p->call;
    if (!p->swapped) return (tap * call->inputs + input) * p->padded + output;
    const int64_t panel = tap / p->panel_taps;
    return (panel * call->outputs + output) * p->row_size + tap % p->panel_taps * call->inputs + input;
}

static void NAME(add_parts)(const NAME(grad_plan) *p) {
    const hex_weight_grad_call *call = p->call;
    float *to = call->weight_grad;
    for (int64_t g = 0; g < call->groups; g++)
        for (int64_t o = 0; o < call->outputs; o++) {
            for (int64_t i = 0; i < call->inputs; i++)
                for (int64_t k = 0; k < call->taps; k++)
                    *to++ = NAME(sum_of_parts)(p, g * p->group_size + NAME(sum_place)(p, o, i, k));
            const int64_t bias = call->groups * p->group_size + g * p->padded + o;
            if (call->bias_grad) call->bias_grad[g * call->outputs + o] = NAME(sum_of_parts)(p, bias);
        }
}

/* Enough parts for a few threads, but no more than that their sums take a sixteenth of the grad's memory. */
static int64_t NAME(count_parts)(const NAME(grad_plan) *p) {
    const hex_weight_grad_call *call = p->call;
    int64_t parts = p->pixels * call->groups * call->outputs / (16 * p->part_size);
    return parts < 1 ? 1 : parts > MOST_PARTS ? MOST_PARTS : parts;
}

static NAME(grad_plan) NAME(plan_grad)(const hex_weight_grad_call *call) {
    NAME(grad_plan) p = {.call = call, .pixels = call->images * call->output_pixels};
    p.padded = vectors(call->outputs) * LANES;
    p.swapped = p.padded == LANES;
    p.panel_taps = p.swapped || call->inputs <= FEW_INPUTS ? PANEL / call->inputs : 1;
    if (p.panel_taps < 1) p.panel_taps = 1;
    if (p.panel_taps > call->taps) p.panel_taps = call->taps;
    p.panels = (call->taps + p.panel_taps - 1) / p.panel_taps;
    p.row_size = vectors(p.panel_taps * call->inputs) * LANES;
    p.in_place = IN_PLACE && (p.swapped ? call->inputs % LANES == 0 : p.panel_taps == 1);
    p.block = BLOCK_FLOATS / (p.row_size + p.padded);
    p.block = p.block < LEAST_BLOCK ? LEAST_BLOCK : p.block > MOST_BLOCK ? MOST_BLOCK : p.block;
    p.group_size = p.swapped ? p.panels * call->outputs * p.row_size : call->taps * call->inputs * p.padded;
    p.part_size = call->groups * (p.group_size + p.padded);
    p.parts = NAME(count_parts)(&p);
    const int64_t wanted = (2 * call->threads + p.parts - 1) / p.parts;
    p.pieces = call->threads == 1 ? 1 : wanted < p.panels ? wanted : p.panels;
    return p;
}

static int NAME(weight_grad)(const hex_weight_grad_call *call) {
    NAME(grad_plan) p = NAME(plan_grad)(call);
    p.sums = calloc((size_t)(p.parts * p.part_size), sizeof(float));
    if (!p.sums) return HEX_NO_MEMORY;
    int status = hex_run(NAME(grad_task), &p, p.parts * p.pieces, call->threads, NAME(grad_scratch_bytes)(&p));
    if (status == HEX_DONE) NAME(add_parts)(&p);
    free(p.sums);
    return status;
}
