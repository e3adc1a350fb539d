#include "vector_avx2.h"

#include "variant.h"

VARIANT(avx2)
