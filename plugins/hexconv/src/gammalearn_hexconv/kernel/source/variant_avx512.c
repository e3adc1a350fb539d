#include "vector_avx512.h"

#include "variant.h"

VARIANT(avx512)
