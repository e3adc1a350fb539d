/* Template: the gradients of weights and bias. Needs an operand_*.h and lookup.h.
 *
 * The output pixels of all images, numbered through, are cut into parts. Their number and bounds follow from the sizes
 * alone, each part is summed up in the order of its pixels, and the sums of the parts are added in their order: so the
 * result does not depend on the threads. Within a part, pixels go block by block through the cache; for a block, tiles of
 * so many input channels by `width` vectors of output channels are summed up in registers.
 *
 * A part's sums are (groups, taps, inputs, padded outputs) for the weights, then (groups, padded outputs) for the bias. */

typedef struct {
    const hex_weight_grad_call *call;
    int64_t pixels;              /* output pixels of all images */
    int64_t padded;              /* output channels of a group, filled up to whole vectors */
    int64_t panel_taps, panels;  /* taps are taken together in so many panels of so many taps */
    int64_t parts, part_size;    /* and the floats of each part's sums */
    int64_t pieces;              /* tasks that share the panels of a part */
    float *sums;
} NAME(grad_plan);

/* The memory of a worker. */
typedef struct {
    const element **found; /* (BLOCK): pixels that a tap shows */
    const float **rows;    /* (BLOCK): the input channels of a panel */
    float *gathered;       /* (BLOCK, taps * inputs of a panel): the rows, where they are not used in place */
    float *grad;           /* (BLOCK, padded): the grad, where it is not used in place */
    element *zeros;        /* a pixel, never written */
} NAME(grad_scratch);

/* Pixels of a part that are in work: `count` from the one numbered `first` on. */
typedef struct {
    int64_t first, count;
    const float *grad; /* the grad of the group's output channels, and from one pixel to the next: */
    int64_t grad_size;
} NAME(grad_block);

static NAME(grad_scratch) NAME(grad_scratch_in)(const NAME(grad_plan) *p, void *memory) {
    NAME(grad_scratch) s = {.found = memory};
    s.rows = (const float **)(s.found + BLOCK);
    s.grad = (float *)(s.rows + BLOCK);
    s.gathered = s.grad + BLOCK * p->padded;
    s.zeros = (element *)(s.gathered + BLOCK * p->panel_taps * p->call->inputs);
    return s;
}

static int64_t NAME(grad_scratch_bytes)(const NAME(grad_plan) *p) {
    const hex_weight_grad_call *call = p->call;
    int64_t floats = p->padded + p->panel_taps * call->inputs;
    int64_t pointers = 2 * (int64_t)sizeof(void *);
    return BLOCK * (pointers + floats * (int64_t)sizeof(float)) +
           call->groups * call->inputs * (int64_t)sizeof(element);
}

static void NAME(widen)(const element *from, int64_t n, float *to) {
    for (int64_t i = 0; i < n; i += LANES) vec_store_first(to + i, load_elements(from + i, n - i), n - i);
}

/* The grad of the group's output channels, in float and in whole vectors. */
static void NAME(take_grad)(const NAME(grad_plan) *p, const NAME(grad_scratch) *s, int64_t group,
                            NAME(grad_block) *block) {
    const hex_weight_grad_call *call = p->call;
    const int64_t pixel = call->groups * call->outputs;
    const element *grad = (const element *)call->grad + block->first * pixel + group * call->outputs;
    if (IN_PLACE && p->padded == call->outputs) {
        block->grad = (const float *)grad;
        block->grad_size = pixel;
        return;
    }
    for (int64_t q = 0; q < block->count; q++) NAME(widen)(grad + q * pixel, call->outputs, s->grad + q * p->padded);
    block->grad = s->grad;
    block->grad_size = p->padded;
}

/* Points the rows at the input channels of the group that the taps of the panel show. */
static void NAME(take_rows)(const NAME(grad_plan) *p, const NAME(grad_scratch) *s, int64_t group, int64_t panel,
                            const NAME(grad_block) *block) {
    const hex_weight_grad_call *call = p->call;
    const int64_t pixel = call->groups * call->inputs, size = p->panel_taps * call->inputs;
    const NAME(source) source = {call->x, call->input_pixels * pixel, pixel, call->output_pixels, s->zeros};
    for (int64_t t = 0; t < p->panel_taps; t++) {
        const int32_t *inputs = call->plan->inputs + (panel * p->panel_taps + t) * call->output_pixels;
        NAME(look_up)(&source, inputs, block->first, block->count, s->found);
        float *to = s->gathered + t * call->inputs;
        for (int64_t q = 0; q < block->count; q++) {
            const element *from = s->found[q] + group * call->inputs;
            if (IN_PLACE && p->panel_taps == 1) {
                s->rows[q] = (const float *)from;
                continue;
            }
            NAME(widen)(from, call->inputs, to + q * size);
            s->rows[q] = s->gathered + q * size;
        }
    }
}

static void NAME(add_bias)(const NAME(grad_plan) *p, const NAME(grad_block) *block, float *sums) {
    for (int64_t j = 0; j < p->padded; j += LANES) {
        vec sum = vec_load(sums + j);
        for (int64_t q = 0; q < block->count; q++) sum = vec_add(sum, vec_load(block->grad + q * block->grad_size + j));
        vec_store(sums + j, sum);
    }
}

/* One task: some of the panels of one part. */
static void NAME(grad_task)(const void *data, int64_t task, void *memory) {
    const NAME(grad_plan) *p = data;
    const hex_weight_grad_call *call = p->call;
    const NAME(grad_scratch) s = NAME(grad_scratch_in)(p, memory);
    const int64_t part = task / p->pieces, piece = task % p->pieces;
    const int64_t end = p->pixels * (part + 1) / p->parts, size = p->panel_taps * call->inputs;
    float *sums = p->sums + part * p->part_size, *bias = sums + p->part_size - call->groups * p->padded;
    NAME(grad_block) block = {.first = p->pixels * part / p->parts};
    for (; block.first < end; block.first += block.count) {
        block.count = end - block.first < BLOCK ? end - block.first : BLOCK;
        for (int64_t g = 0; g < call->groups; g++) {
            NAME(take_grad)(p, &s, g, &block);
            if (piece == 0 && call->bias_grad) NAME(add_bias)(p, &block, bias + g * p->padded);
            for (int64_t k = p->panels * piece / p->pieces; k < p->panels * (piece + 1) / p->pieces; k++) {
                NAME(take_rows)(p, &s, g, k, &block);
                outer_product(s.rows, size, block.grad, block.grad_size, p->padded, block.count,
                              sums + (g * p->panels + k) * size * p->padded);
            }
        }
    }
}

static float NAME(sum_of_parts)(const NAME(grad_plan) *p, int64_t at) {
    float sum = p->sums[at];
    for (int64_t part = 1; part < p->parts; part++) sum += p->sums[part * p->part_size + at];
    return sum;
}

static void NAME(add_parts)(const NAME(grad_plan) *p) {
    const hex_weight_grad_call *call = p->call;
    const int64_t group_size = call->taps * call->inputs * p->padded;
    for (int64_t g = 0; g < call->groups; g++)
        for (int64_t o = 0; o < call->outputs; o++) {
            float *to = call->weight_grad + (g * call->outputs + o) * call->inputs * call->taps;
            for (int64_t i = 0; i < call->inputs; i++)
                for (int64_t k = 0; k < call->taps; k++)
                    *to++ = NAME(sum_of_parts)(p, g * group_size + (k * call->inputs + i) * p->padded + o);
            int64_t bias = call->groups * group_size + g * p->padded + o;
            if (call->bias_grad) call->bias_grad[g * call->outputs + o] = NAME(sum_of_parts)(p, bias);
        }
}

/* Parts: enough for a few threads, long enough to be worth their memory, a sixteenth of the grad's at most. */
static int64_t NAME(count_parts)(const NAME(grad_plan) *p) {
    const hex_weight_grad_call *call = p->call;
    int64_t parts = p->pixels * call->groups * call->outputs / (16 * p->part_size);
    return parts < 1 ? 1 : parts > MOST_PARTS ? MOST_PARTS : parts;
}

static NAME(grad_plan) NAME(plan_grad)(const hex_weight_grad_call *call) {
    NAME(grad_plan) p = {.call = call, .pixels = call->images * call->output_pixels};
    p.padded = vectors(call->outputs) * LANES;
    p.panel_taps = call->inputs <= FEW_INPUTS ? call->taps : 1;
    p.panels = call->taps / p.panel_taps;
    p.part_size = call->groups * (call->taps * call->inputs + 1) * p.padded;
    p.parts = NAME(count_parts)(&p);
    int64_t wanted = (2 * call->threads + p.parts - 1) / p.parts;
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
