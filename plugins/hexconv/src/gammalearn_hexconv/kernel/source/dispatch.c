/* The functions that Python calls: those of the best variant that the processor runs. */
#include "compiler.h"
#include "hexconv.h"
#include "parallel.h"

#include <string.h>

extern const hex_variant hex_portable;
#ifdef __x86_64__
extern const hex_variant hex_avx2, hex_avx512, hex_avx512bf16;
#endif

static const hex_variant *chosen = &hex_portable;

const hex_variant *hex_chosen(void) { return chosen; }

#ifdef __x86_64__
static int runs_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
static int runs_avx512(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
static int runs_avx512bf16(void) { return runs_avx512() && __builtin_cpu_supports("avx512bf16"); }
#endif
static int runs_always(void) { return 1; }

static const struct {
    const hex_variant *variant;
    int (*runs)(void);
} variants[] = {
#ifdef __x86_64__
    {&hex_avx512bf16, runs_avx512bf16},
    {&hex_avx512, runs_avx512},
    {&hex_avx2, runs_avx2},
#endif
    {&hex_portable, runs_always},
};

/* Chooses the best variant that runs here, from the one called `name` downwards where it is not empty. Gives the name of
 * the choice, or null where no variant has that name. */
EXPORT const char *hex_choose(const char *name) {
    int from = *name == 0;
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        if (!from && strcmp(name, variants[i].variant->name)) continue;
        from = 1;
        if (!variants[i].runs()) continue;
        chosen = variants[i].variant;
        return chosen->name;
    }
    return 0;
}

EXPORT int hex_interface(void) { return HEX_INTERFACE; }

EXPORT int64_t hex_packed_bytes(int64_t type, int64_t groups, int64_t outputs, int64_t inputs, int64_t taps) {
    return chosen->packed_bytes(type, groups, outputs, inputs, taps);
}
EXPORT void hex_pack(const hex_pack_call *call) { chosen->pack(call); }
EXPORT int hex_conv(const hex_conv_call *call) { return chosen->conv(call); }
EXPORT int hex_weight_grad(const hex_weight_grad_call *call) { return chosen->weight_grad(call); }
EXPORT int hex_pool(const hex_pool_call *call) { return chosen->pool(call); }
EXPORT int hex_max_pool_grad(const hex_max_pool_grad_call *call) { return chosen->max_pool_grad(call); }
