/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/callgrind.h>

#include "common/macros.h"
#include "daemon/docker/decode.h"
#include "daemon/docker/splitter.h"
#include "daemon/http/json-memory.h"
#include "daemon/model/model.h"
#include "daemon/nft/encode.h"
#include "daemon/nft/nft.h"
#include "tests/benchmarks/engine/clock.h"
#include "tests/benchmarks/engine/template.h"

/* bench-parts TEMPLATES PART [ROUNDS]: one step of the daemon's, by itself; prints the microseconds that each round
 * took. callgrind counts what is done in one. */

enum { CONTAINERS = 10000, PIECE = 16384 };

static Template templates[_TEMPLATE_MAX];

static const Policy policy = { .ports = &(PortRange) { 1, 65535 }, .n_ports = 1, .localhost = true };
static const RulesetOptions options = { .mark = 0x80, .mask = 0x80, .localhost = true };

static void must(int r) {
        if (r < 0)
                errx(1, "%s", strerror(-r));
}

static char *filled(TemplateName name, unsigned number, size_t *ret_size) {
        char *text = malloc(templates[name].size);

        if (!text)
                errx(1, "no memory");
        template_fill(&templates[name], number, realtime_ns(), text);
        *ret_size = templates[name].size;
        return text;
}

/* What the parts work on. */
static struct {
        char *text;
        size_t size;
        Container *container;
        Model *model;
        Elements elements;
        NftSocket *nft;
        Batch batch;
} work;

/* The event, and the answer to the inspect that follows it. */

static void prepare_event(void) {
        work.text = filled(TEMPLATE_START, 1, &work.size);
}

static void decode_event(void) {
        _cleanup_free_ char *network = NULL;
        DockerEvent event;

        must(docker_event_decode(work.text, work.size, &event, &network));
}

static void prepare_inspect(void) {
        work.text = filled(TEMPLATE_INSPECT, 1, &work.size);
}

static void decode_inspect(void) {
        _cleanup_(container_freep) Container *container = NULL;

        must(docker_inspect_decode(work.text, work.size, &container));
}

/* The list. */

static void prepare_list(void) {
        size_t size = templates[TEMPLATE_ROW].size + 1;

        work.size = CONTAINERS * size + 1;
        work.text = malloc(work.size);
        if (!work.text)
                errx(1, "no memory");
        for (unsigned i = 0; i < CONTAINERS; i++) {
                work.text[i * size] = i > 0 ? ',' : '[';
                template_fill(&templates[TEMPLATE_ROW], i, 0, work.text + i * size + 1);
        }
        work.text[work.size - 1] = ']';
}

static int on_row(void *userdata, const char *text, size_t size) {
        _cleanup_(container_freep) Container *container = NULL;

        return MIN(docker_row_decode(text, size, userdata, &container), 0);
}

static void decode_list(void) {
        ArraySplitter rows = {};
        DockerPorts ports = {};

        for (size_t at = 0; at < work.size; at += PIECE)
                must(array_splitter_feed(&rows, work.text + at, MIN(PIECE, work.size - at), on_row, &ports));
        if (!array_splitter_is_complete(&rows))
                errx(1, "the list is not whole");
        array_splitter_done(&rows);
        docker_ports_done(&ports);
}

/* The model. */

static Container *container_make(unsigned number) {
        DockerPorts ports = {};
        _cleanup_free_ char *text = NULL;
        Container *container;
        size_t size;

        text = filled(TEMPLATE_ROW, number, &size);
        must(docker_row_decode(text, size, &ports, &container));
        return container;
}

static void carry_out(void) {
        Plan plan;

        must(model_decide(work.model, &plan));
        plan_done(&plan);
        model_commit(work.model);
        model_forget_departed(work.model);
}

static void prepare_model(void) {
        must(model_new(&policy, &work.model));
        for (unsigned i = 0; i < CONTAINERS; i++)
                must(model_put(work.model, container_make(i)));
}

static void prepare_decided(void) {
        prepare_model();
        carry_out();
}

static void decide_all(void) {
        Plan plan;

        model_touch_all(work.model);
        must(model_decide(work.model, &plan));
        plan_done(&plan);
}

/* Each time another. */
static void make_one(void) {
        static unsigned number = CONTAINERS;

        work.container = container_make(number++);
}

static void decide_one(void) {
        must(model_put(work.model, work.container));
        carry_out();
}

/* The batch. */

static void encode_elements(size_t first, size_t count) {
        const Elements part = { .items = work.elements.items + first, .count = count };

        batch_restart(&work.batch, 1); /* as the socket does */
        encode_add_elements(&work.batch, &options, &part);
        must(batch_end(&work.batch));
        batch_trim(&work.batch);
}

static void prepare_elements(void) {
        Plan plan;

        prepare_model();
        must(model_decide(work.model, &plan));
        work.elements = plan.add;
        plan.add = (Elements) {};
        plan_done(&plan);
}

static void encode_all(void) {
        encode_elements(0, work.elements.count);
}

/* The last are those of dnat4. */
static void encode_one(void) {
        encode_elements(work.elements.count - 1, 1);
}

/* The table as it stands in this network namespace. */

static void prepare_dump(void) {
        must(nft_socket_new(&work.nft));
}

static void dump(void) {
        KernelState state;

        must(nft_read(work.nft, &options, &state));
        kernel_state_done(&state);
}

static const struct Part {
        const char *name;
        void (*prepare)(void);
        void (*run)(void);
        void (*before)(void); /* each round, outside of what is measured; or NULL */
} all_parts[] = {
        { "event", prepare_event, decode_event },       { "inspect", prepare_inspect, decode_inspect },
        { "list", prepare_list, decode_list },          { "decide-one", prepare_decided, decide_one, make_one },
        { "decide-all", prepare_model, decide_all },    { "encode-one", prepare_elements, encode_one },
        { "encode-all", prepare_elements, encode_all }, { "dump", prepare_dump, dump },
};

static void measure_round(const struct Part *part) {
        int64_t start;

        if (part->before)
                part->before();
        start = now_ns();
        CALLGRIND_START_INSTRUMENTATION;
        part->run();
        CALLGRIND_STOP_INSTRUMENTATION;
        printf("%.1f\n", (double) (now_ns() - start) / 1000);
}

int main(int argc, char *argv[]) {
        const struct Part *part = NULL;

        if (argc < 3)
                errx(1, "usage: bench-parts TEMPLATES PART [ROUNDS]");
        templates_read(argv[1], templates);
        for (size_t i = 0; i < ELEMENTSOF(all_parts); i++)
                if (strcmp(all_parts[i].name, argv[2]) == 0)
                        part = &all_parts[i];
        if (!part) {
                warnx("no such part: %s", argv[2]);
                return 1;
        }
        json_memory_set_up(); /* as the daemon does */
        part->prepare();
        if (part->before)
                part->before();
        part->run(); /* what is loaded and allocated for the first time does not count */
        for (int i = argc > 3 ? atoi(argv[3]) : 1; i > 0; i--)
                measure_round(part);
        batch_done(&work.batch);
        elements_done(&work.elements);
        model_free(work.model);
        nft_socket_free(work.nft);
        free(work.text);
        return 0;
}
