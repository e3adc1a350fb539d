/* Sharing tasks out among the threads of the OpenMP runtime that torch has loaded already. */
#ifndef HEXCONV_PARALLEL_H
#define HEXCONV_PARALLEL_H

#include <stdatomic.h>
#include <stdint.h>

/* GOMP_parallel(), or null: then everything runs on the calling thread. */
typedef void (*hex_openmp)(void (*work)(void *), void *shared, unsigned threads, unsigned flags);
void hex_use_openmp(hex_openmp parallel);

/* Runs `task(call, index, scratch)` for every index below `tasks`, in any order, each exactly once. `scratch` is
 * `scratch_bytes` of zeroed memory, aligned to 64, that a thread keeps from one task to its next: a task may rely on it
 * only for what the task itself has written, or what no task ever writes. Results must not depend on which thread runs
 * a task. Gives HEX_NO_MEMORY, with no task run, where the scratch cannot be had. */
typedef void (*hex_task)(const void *call, int64_t index, void *scratch);
int hex_run(hex_task task, const void *call, int64_t tasks, int64_t threads, int64_t scratch_bytes);

#endif
