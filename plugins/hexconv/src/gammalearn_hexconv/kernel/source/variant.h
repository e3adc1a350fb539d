/* Everything that depends on the instruction set. A variant_*.c chooses vectors and operands, and includes this. */
#include "bfloat16.h"
#include "compiler.h"
#include "hexconv.h"
#include "parallel.h"
#include "tiles.h"

#include "outer_product.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Pooling: so many channels are in work together, and so many output pixels are one task. */
enum { POOL_CHANNELS = 64, POOL_PIXELS = 64 };

#include "operand_float32.h"
#include "pack.h"
#include "lookup.h"
#include "conv.h"
#include "weight_grad.h"
#include "pool.h"
#include "operand_end.h"

#ifdef DOT_BFLOAT16
#include "operand_bfloat16_dot.h"
#else
#include "operand_bfloat16.h"
#endif
#include "pack.h"
#include "lookup.h"
#include "conv.h"
#include "weight_grad.h"
#include "pool.h"
#include "operand_end.h"

static int64_t packed_bytes(int64_t type, int64_t groups, int64_t outputs, int64_t inputs, int64_t taps) {
    return (type == HEX_FLOAT32 ? packed_bytes_float32 : packed_bytes_bfloat16)(groups, outputs, inputs, taps);
}
static void pack(const hex_pack_call *call) { (call->type == HEX_FLOAT32 ? pack_float32 : pack_bfloat16)(call); }
static int conv(const hex_conv_call *call) {
    return (call->type == HEX_FLOAT32 ? conv_float32 : conv_bfloat16)(call);
}
static int weight_grad(const hex_weight_grad_call *call) {
    return (call->type == HEX_FLOAT32 ? weight_grad_float32 : weight_grad_bfloat16)(call);
}
static int pool(const hex_pool_call *call) {
    return (call->type == HEX_FLOAT32 ? pool_float32 : pool_bfloat16)(call);
}
static int max_pool_grad(const hex_max_pool_grad_call *call) {
    return (call->type == HEX_FLOAT32 ? max_pool_grad_float32 : max_pool_grad_bfloat16)(call);
}

#include "fused_variant.h"

#define VARIANT(name)                                                                                                \
    const hex_variant hex_##name = {#name, packed_bytes, pack, conv, weight_grad, pool, max_pool_grad, &fused};
