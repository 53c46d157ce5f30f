/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/fuzz/check-container.h"

#include <string.h>
#include <strings.h>

#include "daemon/http/json.h"
#include "daemon/model/record.h"
#include "tests/fuzz/fuzz.h"

void check_labels(const ContainerLabel *labels, size_t n_labels) {
        CHECK(n_labels <= CONTAINER_LABELS_MAX && (n_labels == 0) == !labels);
        for (size_t i = 0; i < n_labels; i++) {
                const ContainerLabel *label = &labels[i];
                size_t size = strlen(label->value);

                CHECK(i == 0 || strcmp(labels[i - 1].key, label->key) < 0);
                CHECK(strncasecmp(label->key, "calico.expose", strlen("calico.expose")) == 0);
                CHECK(strlen(label->key) <= CONTAINER_LABEL_SIZE_MAX);
                CHECK(label->cut ? size == CONTAINER_LABEL_SIZE_MAX : size <= CONTAINER_LABEL_SIZE_MAX);
                CHECK(!label->from_image);
        }
}

static void check_address(const Address *address, uint8_t family) {
        static const uint8_t zeros[sizeof(address->bytes)];

        CHECK(address->family == family || address->family == AF_UNSPEC);
        CHECK(memcmp(address->bytes + address_size(address->family), zeros,
                     sizeof(zeros) - address_size(address->family)) == 0);
        CHECK(!address_is_set(address) || memcmp(address->bytes, zeros, sizeof(zeros)) != 0);
}

static void check_networks(const Container *container) {
        CHECK(container->n_networks <= CONTAINER_NETWORKS_MAX);
        for (size_t i = 0; i < container->n_networks; i++) {
                const ContainerNetwork *network = &container->networks[i];

                CHECK(i == 0 || strcmp(container->networks[i - 1].name, network->name) <= 0);
                CHECK(strlen(network->name) <= JSON_TEXT_SIZE_MAX);
                CHECK(strlen(network->id) <= JSON_TEXT_SIZE_MAX);
                CHECK(strlen(network->endpoint_id) <= JSON_TEXT_SIZE_MAX);
                check_address(&network->ipv4, AF_INET);
                check_address(&network->ipv6, AF_INET6);
        }
}

/* The model takes it, and says something of each claim. */
static void check_record(const Container *container) {
        const Policy policy = { .ports = &(PortRange) { 1, UINT16_MAX }, .n_ports = 1 };
        _cleanup_(texts_freep) Texts *texts = fuzz_must(texts_new());
        _cleanup_(record_freep) Record *record = fuzz_must(record_new(container_copy(container, texts), &policy));

        CHECK(container_equal(record->container, container));
        fuzz_check_shown(record->name, JSON_TEXT_SIZE_MAX);
        for (size_t i = 0; i < record->n_claims; i++) {
                char buffer[CLAIM_REASON_SIZE], text[CLAIM_TEXT_SIZE];

                fuzz_check_shown(claim_format_text(&record->claims[i], text), CLAIM_TEXT_SIZE);
                fuzz_check_shown(claim_format_reason(record, &record->claims[i], buffer), CLAIM_REASON_SIZE);
        }
}

void check_container(const Container *container) {
        CHECK(container_id_is_valid(container->id));
        CHECK(strlen(container->name) <= JSON_TEXT_SIZE_MAX);
        CHECK(strlen(container->image_id) <= JSON_TEXT_SIZE_MAX);
        CHECK(strlen(container->network_mode) <= JSON_TEXT_SIZE_MAX);
        CHECK(container_state_to_string(container->state) && container_health_to_string(container->health));
        CHECK(container->started >= 0);
        CHECK(container->truncated || !container->labels_dropped);
        check_labels(container->labels, container->n_labels);
        check_networks(container);
        check_record(container);
}
