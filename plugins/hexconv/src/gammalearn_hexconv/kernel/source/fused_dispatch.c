/* The fused operations that Python calls. */
#include "compiler.h"
#include "fused.h"
#include "hexconv.h"

#define EXPORTED(name) \
    EXPORT int hex_##name(const hex_##name##_call *call) { return hex_chosen()->fused->name(call); }

EXPORTED(moments)
EXPORTED(normalise)
EXPORTED(normalise_grad)
EXPORTED(means)
EXPORTED(attend)
EXPORTED(attend_grad)
EXPORTED(program)
