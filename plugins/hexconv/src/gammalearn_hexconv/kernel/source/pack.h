/* Template: weights in the order of use. Needs an operand_*.h.
 *
 * For each group, for each tile of output channels (`next_width` says how wide), for each tap, for each STEP input
 * channels: the weights of the tile's channels, those of one output channel side by side. Channels that do not exist
 * have weight 0. */

static int64_t NAME(packed_bytes)(int64_t groups, int64_t outputs, int64_t inputs, int64_t taps) {
    int64_t depth = (inputs + STEP - 1) / STEP * STEP;
    return groups * taps * depth * vectors(outputs) * LANES * (int64_t)sizeof(weight);
}

/* One input channel of one tap: a weight for each of `n` output channels, from the element `offset` of the weights on. */
static void NAME(pack_line)(const hex_pack_call *call, int64_t offset, int64_t n, weight *to) {
    const int64_t stride = call->output_stride;
    if (call->weight_type == HEX_FLOAT32) {
        const float *from = (const float *)call->weights + offset;
        for (int64_t o = 0; o < n; o++) to[o * STEP] = to_weight(from[o * stride]);
    } else {
        const uint16_t *from = (const uint16_t *)call->weights + offset;
        for (int64_t o = 0; o < n; o++) to[o * STEP] = to_weight(float_of_bf16(from[o * stride]));
    }
}

/* One tile of `lanes` output channels; `offset` is the element of the weights where the tile begins. Taps are the inner
 * loop, as the weights of a channel's taps mostly lie side by side. */
static void NAME(pack_tile)(const hex_pack_call *call, int64_t offset, int64_t valid, int64_t lanes, weight *to) {
    const int64_t depth = (call->inputs + STEP - 1) / STEP * STEP;
    if (valid < lanes || depth > call->inputs)
        memset(to, 0, (size_t)(call->taps * depth * lanes) * sizeof(weight));
    for (int64_t i = 0; i < call->inputs; i++)
        for (int64_t k = 0; k < call->taps; k++) {
            weight *line = to + (k * depth + i / STEP * STEP) * lanes + i % STEP;
            NAME(pack_line)(call, offset + i * call->input_stride + k * call->tap_stride, valid, line);
        }
}

static void NAME(pack)(const hex_pack_call *call) {
    const int64_t depth = (call->inputs + STEP - 1) / STEP * STEP;
    weight *to = call->packed;
    for (int64_t g = 0; g < call->groups; g++)
        for (int64_t v = 0, width; v < vectors(call->outputs); v += width) {
            width = next_width(vectors(call->outputs) - v);
            const int64_t first = v * LANES, lanes = width * LANES, left = call->outputs - first;
            const int64_t offset = g * call->group_stride + first * call->output_stride;
            NAME(pack_tile)(call, offset, left < lanes ? left : lanes, lanes, to);
            to += call->taps * depth * lanes;
        }
}
