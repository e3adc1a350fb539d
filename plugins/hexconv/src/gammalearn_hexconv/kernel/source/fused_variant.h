/* Batch normalisation, attention and programs, for each type of number. variant.h includes this. */
#include "fused.h"

#include "rows.h"

#include "operand_float32.h"
#include "normalise.h"
#include "normalise_grad.h"
#include "attend.h"
#include "operand_end.h"

#include "operand_bfloat16.h"
#include "normalise.h"
#include "normalise_grad.h"
#include "attend.h"
#include "operand_end.h"

#define BY_TYPE(name)                                                                     \
    static int name(const hex_##name##_call *call) {                                      \
        return (call->type == HEX_FLOAT32 ? name##_float32 : name##_bfloat16)(call);      \
    }
BY_TYPE(moments)
BY_TYPE(normalise)
BY_TYPE(normalise_grad)
BY_TYPE(means)
BY_TYPE(attend)
BY_TYPE(attend_grad)

#include "program.h"

static const struct hex_fused fused = {moments, normalise, normalise_grad, means, attend, attend_grad, program};
