/* A task is taken by whichever thread is free: the next number of a counter. */
#include "parallel.h"

#include "compiler.h"
#include "hexconv.h"

#include <stdlib.h>
#include <string.h>

static hex_openmp openmp;

EXPORT void hex_use_openmp(hex_openmp parallel) { openmp = parallel; }

typedef struct {
    hex_task task;
    const void *call;
    int64_t tasks, scratch_bytes;
    char *scratch;
    atomic_int_fast64_t next_task, next_worker;
} team;

static void work(void *shared) {
    team *t = shared;
    char *scratch = t->scratch + atomic_fetch_add(&t->next_worker, 1) * t->scratch_bytes;
    for (int64_t i; (i = atomic_fetch_add(&t->next_task, 1)) < t->tasks;) t->task(t->call, i, scratch);
}

int hex_run(hex_task task, const void *call, int64_t tasks, int64_t threads, int64_t scratch_bytes) {
    if (threads > tasks) threads = tasks;
    if (threads < 1 || !openmp) threads = 1;
    int64_t each = (scratch_bytes + 63) / 64 * 64;
    team t = {.task = task, .call = call, .tasks = tasks, .scratch_bytes = each};
    size_t bytes = (size_t)(each * threads);
    t.scratch = aligned_alloc(64, bytes ? bytes : 64);
    if (!t.scratch) return HEX_NO_MEMORY;
    memset(t.scratch, 0, bytes);
    atomic_init(&t.next_task, 0);
    atomic_init(&t.next_worker, 0);
    if (threads == 1)
        work(&t);
    else
        openmp(work, &t, (unsigned)threads, 0);
    free(t.scratch);
    return HEX_DONE;
}
