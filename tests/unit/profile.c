/* profile.c - traces of runs: valid, nested, complete, also of runs that end
 * early */
#include "base/json.h"
#include "base/text.h"
#include "tests/support.h"

#include <string.h>

struct place {
    char *slimc, *folder, *model;
    struct slim_arena *arena;
};

static int enter(void **state)
{
    static struct place place;

    place.slimc = slim_test_slimc();
    place.folder = slim_test_directory();
    place.model = slim_test_source("model");
    place.arena = slim_arena_open();
    *state = &place;
    return 0;
}

static int leave(void **state)
{
    struct place *place = *state;

    slim_test_directory_remove(place->folder);
    slim_arena_close(place->arena);
    free(place->model);
    free(place->slimc);
    return 0;
}

static void put_recipe(const struct place *place, const char *end)
{
    char *path = slim_test_join(place->folder, "r.slim");
    struct slim_text text = { 0 };

    slim_text_printf(&text,
                     "score taylor on \"%s/text/sample.txt\" n=4 len=32\n"
                     "prune 20%% of params\n"
                     "recover lora on \"%s/text/sample.txt\" n=8 len=32 "
                     "steps=2 batch=2\n%s\n",
                     place->model, place->model, end);
    slim_test_puts(path, text.data);
    slim_text_free(&text);
    free(path);
}

/* Runs the recipe and gives the events of its trace; the caller owns all. */
static json_t *events_of(json_t **all, const struct place *place,
                         const char *variable, const char *options, int code)
{
    char *path = slim_test_join(place->folder, "t.json");
    struct slim_diag diag = { .arena = place->arena };
    struct slim_ran ran = slim_test_run("cd '%s' && rm -f t.json && %s '%s' "
                                        "run r.slim '%s' --profile t.json %s",
                                        place->folder, variable, place->slimc,
                                        place->model, options);

    if (ran.exit_code != code)
        fail_msg("exit %d, not %d\n%s\n%s", ran.exit_code, code, ran.out,
                 ran.err);
    slim_test_ran_free(&ran);
    assert_int_equal(
        slim_json_read(all, path, 0, (struct slim_span){ NULL, 0, 0 }, &diag),
        SLIM_OK);
    free(path);
    json_t *events = json_object_get(*all, "traceEvents");
    assert_true(json_is_array(events));
    return events;
}

static const char *text_of(const json_t *event, const char *key)
{
    const char *text = json_string_value(json_object_get(event, key));

    return text ? text : "";
}

static json_int_t number_of(const json_t *event, const char *key)
{
    return json_integer_value(json_object_get(event, key));
}

static bool is_span(const json_t *event)
{
    return strcmp(text_of(event, "ph"), "X") == 0;
}

/* Spans of a kind whose name begins so. */
static size_t count(json_t *events, const char *kind, const char *name)
{
    size_t found = 0, i;
    json_t *event;

    json_array_foreach(events, i, event)
    {
        if (is_span(event) && strcmp(text_of(event, "cat"), kind) == 0 &&
            strncmp(text_of(event, "name"), name, strlen(name)) == 0)
            found++;
    }
    return found;
}

/* Two spans lie apart, or one in the other. */
static void expect_nested(json_t *events)
{
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *a = json_array_get(events, i);
        json_int_t from = number_of(a, "ts"), to = from + number_of(a, "dur");

        for (size_t j = 0; is_span(a) && j < i; j++) {
            const json_t *b = json_array_get(events, j);
            json_int_t start = number_of(b, "ts");
            json_int_t end = start + number_of(b, "dur");
            bool apart = end <= from || to <= start;
            bool inside =
                (from <= start && end <= to) || (start <= from && to <= end);

            if (is_span(b) && !apart && !inside)
                fail_msg("\"%s\" and \"%s\" overlap", text_of(a, "name"),
                         text_of(b, "name"));
        }
    }
}

/* The span of a stage has done the work of the layers in it. */
static void expect_work(json_t *events, const char *stage)
{
    json_int_t inside = 0, whole = 0, from = 0, to = 0;
    json_t *event;
    size_t i;

    json_array_foreach(events, i, event)
    {
        if (strcmp(text_of(event, "cat"), "stage") != 0 ||
            strncmp(text_of(event, "name"), stage, strlen(stage)) != 0)
            continue;
        whole = number_of(json_object_get(event, "args"), "flops");
        from = number_of(event, "ts");
        to = from + number_of(event, "dur");
    }
    json_array_foreach(events, i, event)
    {
        if (strcmp(text_of(event, "cat"), "layer") == 0 &&
            number_of(event, "ts") >= from && number_of(event, "ts") <= to)
            inside += number_of(json_object_get(event, "args"), "flops");
    }
    assert_true(whole > 0);
    assert_true(inside == whole);
}

static void a_trace_has_every_stage_and_layer(void **state)
{
    const struct place *place = *state;
    json_t *all;

    put_recipe(place, "save hf \"out\"");
    json_t *events = events_of(&all, place, "", "--force", 0);
    assert_int_equal(count(events, "run", "r.slim"), 1);
    assert_int_equal(count(events, "stage", "score taylor"), 1);
    assert_int_equal(count(events, "stage", "prune 20%"), 1);
    assert_int_equal(count(events, "stage", "recover lora"), 1);
    assert_int_equal(count(events, "stage", "save hf"), 1);
    assert_int_equal(count(events, "step", "step "), 2);
    for (char layer = '0'; layer < '8'; layer++) {
        char name[] = "layer N forward";
        name[6] = layer;
        assert_true(count(events, "layer", name) >= 3);
    }
    assert_true(count(events, "layer", "layer 7 backward") >= 3);
    expect_nested(events);
    expect_work(events, "score taylor");
    expect_work(events, "recover lora");
    json_decref(all);
}

static void a_run_that_fails_leaves_a_trace(void **state)
{
    const struct place *place = *state;
    json_t *all;

    put_recipe(place, "measure latency\nassert latency < 0");
    json_t *events = events_of(&all, place, "", "", 4);
    assert_int_equal(count(events, "stage", "assert"), 1);
    assert_int_equal(count(events, "run", "r.slim"), 1);
    expect_nested(events);
    json_decref(all);
}

static void ctrl_c_leaves_a_trace(void **state)
{
    const struct place *place = *state;
    json_t *all;

    put_recipe(place, "save hf \"stopped\"");
    json_t *events = events_of(&all, place, "SLIMC_STOP_WRITE=90", "", 130);
    assert_int_equal(count(events, "stage", "score taylor"), 1);
    assert_int_equal(count(events, "stage", "save"), 0);
    assert_int_equal(count(events, "run", "r.slim"), 1);
    expect_nested(events);
    json_decref(all);
}

static void each_point_of_a_sweep_is_a_run(void **state)
{
    const struct place *place = *state;
    char *path = slim_test_join(place->folder, "r.slim");
    json_t *all;

    slim_test_puts(
        path, "let p = 10%\nscore l1\nprune $p of params\nmeasure params\n");
    free(path);
    json_t *events = events_of(&all, place, "", "-s p=10%,20%", 0);
    assert_int_equal(count(events, "run", "p="), 2);
    assert_int_equal(count(events, "stage", "prune"), 2);
    expect_nested(events);
    json_decref(all);
}

static void what_cannot_be_written_is_said(void **state)
{
    const struct place *place = *state;

    put_recipe(place, "save hf \"full\"");
    struct slim_ran ran =
        slim_test_run("cd '%s' && '%s' run r.slim '%s' --profile no/t.json",
                      place->folder, place->slimc, place->model);
    assert_int_equal(ran.exit_code, 1);
    assert_non_null(strstr(ran.err, "error[I001]"));
    assert_null(strstr(ran.out, "score"));
    slim_test_ran_free(&ran);
    /* the run is as it was, and the trace is not there */
    ran = slim_test_run("cd '%s' && SLIMC_FAIL_WRITE=60 '%s' run r.slim '%s' "
                        "--profile gone.json; test $? = 5 || exit 1; "
                        "test ! -e gone.json && ls *.part 2>&- | wc -l",
                        place->folder, place->slimc, place->model);
    assert_int_equal(ran.exit_code, 0);
    assert_non_null(strstr(ran.err, "error[O001]"));
    assert_non_null(strstr(ran.out, "0\n"));
    slim_test_ran_free(&ran);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trace_has_every_stage_and_layer),
        cmocka_unit_test(a_run_that_fails_leaves_a_trace),
        cmocka_unit_test(ctrl_c_leaves_a_trace),
        cmocka_unit_test(each_point_of_a_sweep_is_a_run),
        cmocka_unit_test(what_cannot_be_written_is_said),
    };

    return cmocka_run_group_tests(tests, enter, leave);
}
