/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the model's records are told of the host's links, and what is wanted of those. */

#include <stdio.h>
#include <string.h>

#include "daemon/links.h"
#include "daemon/verbs/differences.h"
#include "netns.h"
#include "tests/cmocka.h"
#include "tests/unit/model/builder.h"
#include "tests/unit/verbs/survey.h"

static int setup(void **state _unused_) {
        netns_enter_fresh();
        netns_run("ip link add br0 type bridge && ip addr add 172.17.0.254/16 dev br0 && ip link set br0 up");
        return 0;
}

/* calicoctl container add, with an address of a bridge's network: Docker knows no network of it, and so no MAC. */
static void an_endpoint_made_by_hand_may_be_on_a_bridge(void **state _unused_) {
        _cleanup_(test_survey_freep) TestSurvey *test = test_survey_new();
        Model *model = test->survey.model;
        Container *container = build_container(1, "80");
        Attachment *attachment = attachment_new(container->id, "e1", "web");
        Differences differences;

        assert_non_null(attachment);
        attachment->ipv4 = build_address("172.17.0.5");
        attachment->active = true;
        model_set_attachments_state(model, ATTACHMENTS_KNOWN);
        assert_int_equal(model_put_attachment(model, attachment), 0);
        test_survey_add(test, container);
        (void) model_attach(model);
        assert_int_equal(paths_new_reader(&test->survey.paths), 0);
        assert_int_equal(links_find_paths(model, test->survey.paths, false), 0);
        assert_true(model_records(model, &(size_t) { 0 })[0]->path4.known);
        test_survey_carry_out(test);
        test_survey_decide(test);
        assert_int_equal(differences_find(&test->survey, &differences), 0);
        assert_int_equal(differences.count, 0);
        differences_done(&differences);
        test->survey.paths = paths_free(test->survey.paths);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(an_endpoint_made_by_hand_may_be_on_a_bridge, setup),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
