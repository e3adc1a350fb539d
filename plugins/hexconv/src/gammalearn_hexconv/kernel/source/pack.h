/* Template: weights in the order of use. Needs an operand_*.h.
 *
 * For each group, for each tile of output channels (`next_width` says how wide), for each tap, for each STEP input
 * channels: the weights of the tile's channels, those of one output channel side by side. Channels that do not exist
 * have weight 0. */

static int64_t NAME(packed_bytes)(int64_t groups, int64_t outputs, int64_t inputs, int64_t taps) {
    int64_t depth = (inputs + STEP - 1) / STEP * STEP;
    return groups * taps * depth * vectors(outputs) * LANES * (int64_t)sizeof(weight);
}

static float NAME(weight_at)(const hex_pack_call *call, int64_t offset) {
    if (call->weight_type == HEX_FLOAT32) return ((const float *)call->weights)[offset];
    return float_of_bf16(((const uint16_t *)call->weights)[offset]);
}

/* One tap of one tile, whose first output channel is `first`. */
static weight *NAME(pack_tap)(const hex_pack_call *call, int64_t offset, int64_t first, int64_t lanes, weight *to) {
    int64_t valid = call->outputs - first < lanes ? call->outputs - first : lanes;
    for (int64_t i = 0; i < call->inputs; i += STEP)
        for (int64_t o = 0; o < lanes; o++)
            for (int64_t s = 0; s < STEP; s++) {
                int64_t at = offset + (first + o) * call->output_stride + (i + s) * call->input_stride;
                *to++ = to_weight(o < valid && i + s < call->inputs ? NAME(weight_at)(call, at) : 0);
            }
    return to;
}

static void NAME(pack)(const hex_pack_call *call) {
    weight *to = call->packed;
    for (int64_t g = 0; g < call->groups; g++)
        for (int64_t v = 0, width; v < vectors(call->outputs); v += width) {
            width = next_width(vectors(call->outputs) - v);
            for (int64_t k = 0; k < call->taps; k++)
                to = NAME(pack_tap)(call, g * call->group_stride + k * call->tap_stride, v * LANES, width * LANES, to);
        }
}
