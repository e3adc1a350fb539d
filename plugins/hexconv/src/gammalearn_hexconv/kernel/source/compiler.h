/* What C11 lacks and both gcc and clang have. */
#ifndef HEXCONV_COMPILER_H
#define HEXCONV_COMPILER_H

/* A template is a function inlined into others that fix its sizes, so that its loops unroll into registers. */
#define TEMPLATE static inline __attribute__((always_inline))
#define INSTANCE static __attribute__((noinline))

#define EXPORT __attribute__((visibility("default")))

#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)

#endif
