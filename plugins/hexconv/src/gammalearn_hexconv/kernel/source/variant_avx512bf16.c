#include "vector_avx512.h"
#define DOT_BFLOAT16
#include "variant.h"

VARIANT(avx512bf16)
