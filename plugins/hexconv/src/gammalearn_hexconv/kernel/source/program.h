/* Runs a program: the steps of a network, one after the other, on a few images at a time. */

static void gate_images(const hex_gate_call *call) {
    for (int64_t n = 0; n < call->images; n++) {
        const float *means = call->means + n * call->channels;
        float *gates = call->gates + n * call->channels;
        memcpy(gates, call->expand_bias, sizeof(float) * (size_t)call->channels);
        for (int64_t h = 0; h < call->hidden; h++) {
            float sum = call->reduce_bias[h];
            for (int64_t c = 0; c < call->channels; c++) sum += call->reduce[h * call->channels + c] * means[c];
            if (sum <= 0) continue;
            for (int64_t c = 0; c < call->channels; c++) gates[c] += call->expand[c * call->hidden + h] * sum;
        }
        sigmoid(gates, call->channels);
    }
}

typedef struct {
    const hex_program_call *call;
    int64_t first, images, threads; /* of the chunk; and how many threads share a step */
    char *scratch;
} chunk;

static void *array_of(const chunk *c, int64_t number) {
    if (number < 0) return 0;
    const hex_array *array = c->call->array + number;
    if (array->outside < 0) return c->scratch + array->place * c->images;
    return (char *)c->call->outside[array->outside] + c->first * array->image_bytes;
}

static int conv_step(const chunk *c, const hex_step *step) {
    hex_conv_call call = *(const hex_conv_call *)step->call;
    call.images = c->images;
    call.threads = c->threads;
    call.x = array_of(c, step->x);
    call.residual = array_of(c, step->other);
    call.y = array_of(c, step->y);
    call.second = array_of(c, step->second);
    return conv(&call);
}
static int normalise_step(const chunk *c, const hex_step *step) {
    hex_normalise_call call = *(const hex_normalise_call *)step->call;
    call.rows *= c->images;
    call.threads = c->threads;
    call.x = array_of(c, step->x);
    call.residual = array_of(c, step->other);
    call.y = array_of(c, step->y);
    return normalise(&call);
}
static int means_step(const chunk *c, const hex_step *step) {
    hex_means_call call = *(const hex_means_call *)step->call;
    call.images = c->images;
    call.threads = c->threads;
    call.x = array_of(c, step->x);
    call.means = array_of(c, step->y);
    return means(&call);
}
static int gate_step(const chunk *c, const hex_step *step) {
    hex_gate_call call = *(const hex_gate_call *)step->call;
    call.images = c->images;
    call.means = array_of(c, step->x);
    call.gates = array_of(c, step->y);
    gate_images(&call);
    return HEX_DONE;
}
static int attend_step(const chunk *c, const hex_step *step) {
    hex_attend_call call = *(const hex_attend_call *)step->call;
    call.images = c->images;
    call.threads = c->threads;
    call.x = array_of(c, step->x);
    call.reduced = array_of(c, step->other);
    call.channel_gate = array_of(c, step->gate);
    call.pixel_gate = array_of(c, step->second);
    call.y = array_of(c, step->y);
    return attend(&call);
}

static int run_chunk(const chunk *c) {
    static int (*const run[])(const chunk *, const hex_step *) = {conv_step, normalise_step, means_step, gate_step,
                                                                  attend_step};
    for (int64_t i = 0; i < c->call->steps; i++) {
        const hex_step *step = c->call->step + i;
        int status = run[step->kind](c, step);
        if (status != HEX_DONE) return status;
    }
    return HEX_DONE;
}

typedef struct {
    const hex_program_call *call;
    int64_t threads;
    atomic_int status;
} program_job;
static void program_task(const void *data, int64_t number, void *scratch) {
    program_job *job = (program_job *)data;
    const hex_program_call *call = job->call;
    int64_t first = number * call->chunk, left = call->images - first;
    chunk c = {call, first, left < call->chunk ? left : call->chunk, job->threads, scratch};
    int status = run_chunk(&c);
    if (status != HEX_DONE) atomic_store(&job->status, status);
}
static int program(const hex_program_call *call) {
    int64_t chunks = (call->images + call->chunk - 1) / call->chunk, few = chunks < call->threads;
    program_job job = {.call = call, .threads = few ? call->threads : 1};
    int status = hex_run(program_task, &job, chunks, few ? 1 : call->threads, call->scratch_bytes * call->chunk);
    return status != HEX_DONE ? status : atomic_load(&job.status);
}
