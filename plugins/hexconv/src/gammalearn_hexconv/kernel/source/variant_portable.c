#include "vector_portable.h"

#include "variant.h"

VARIANT(portable)
