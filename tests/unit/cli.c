/* cli.c - the commands as they are typed: output, errors, exit codes */
#include "tests/support.h"

#include <string.h>

struct place {
    char *slimc, *folder;
};

static int enter(void **state)
{
    static struct place place;

    place.slimc = slim_test_slimc();
    place.folder = slim_test_directory();
    *state = &place;
    return 0;
}

static int leave(void **state)
{
    struct place *place = *state;

    slim_test_directory_remove(place->folder);
    free(place->slimc);
    return 0;
}

static void put(const struct place *place, const char *name, const char *text)
{
    char *path = slim_test_join(place->folder, name);

    slim_test_puts(path, text);
    free(path);
}

static char *get(const struct place *place, const char *name)
{
    char *path = slim_test_join(place->folder, name);
    char *text = slim_test_read(path, NULL);

    free(path);
    return text;
}

/* Runs slimc in the folder and expects the code, and words in its output. */
static void expect(const struct place *place, const char *arguments, int code,
                   const char *out, const char *err)
{
    struct slim_ran ran = slim_test_run("cd '%s' && '%s' %s", place->folder,
                                        place->slimc, arguments);

    if (ran.exit_code != code || (out && !strstr(ran.out, out)) ||
        (err && !strstr(ran.err, err)))
        fail_msg("slimc %s: exit %d\n%s\n%s", arguments, ran.exit_code, ran.out,
                 ran.err);
    slim_test_ran_free(&ran);
}

static void usage_errors_are_2_and_suggest(void **state)
{
    const struct place *place = *state;

    expect(place, "chek a.slim", 2, NULL, "Did you mean 'check'?");
    expect(place, "check --jsn a.slim", 2, NULL, "Did you mean '--json'?");
    expect(place, "check", 2, NULL, "which recipe?");
    expect(place, "plan a.slim", 2, NULL, "one recipe and its model");
    expect(place, "fmt --ir a.slim", 2, NULL, "takes no option '--ir'");
    expect(place, "check -s", 2, NULL, "needs NAME=VALUE");
    expect(place, "check --json=yes a.slim", 2, NULL, "takes no value");
    expect(place, "ops prnue", 2, NULL, "did you mean 'prune'");
    expect(place, "completion tcsh", 2, NULL, "which shell");
    expect(place, "", 2, NULL, "usage:");
    expect(place, "--help", 0, "usage:", NULL);
    expect(place, "check --help", 0, "slimc check", NULL);
    expect(place, "--version", 0, "slimc ", NULL);
}

static void check_says_ok_or_why_not(void **state)
{
    const struct place *place = *state;

    put(place, "good.slim", "score l1; prune 20%\n");
    put(place, "bad.slim", "score l1; prune 20% of parms\n");
    expect(place, "check good.slim", 0, "good.slim: ok", NULL);
    expect(place, "check good.slim bad.slim", 3, "good.slim: ok",
           "bad.slim:1:24: error[N004]");
    expect(place, "check --json bad.slim", 3, "\"code\":\"N004\"", NULL);
    expect(place, "check --quiet good.slim", 0, "", NULL);
    expect(place, "check none.slim", 1, NULL, "none.slim");
    expect(place, "check good.slim no-such-model", 1, NULL, "no-such-model");
}

static void overrides_replace_constants(void **state)
{
    const struct place *place = *state;

    put(place, "let.slim", "let r = 20%\nscore l1; prune $r\n");
    expect(place, "check -s r=30% let.slim", 0, "ok", NULL);
    expect(place, "check -s r=300% let.slim", 3, NULL, "out of range");
    expect(place, "check -s q=30% let.slim", 3, NULL, "has no effect");
    expect(place, "check -s r=%% let.slim", 3, NULL, "-s:1:1");
    expect(place, "check -s r let.slim", 2, NULL, "takes NAME=VALUE");
    expect(place, "check -s r=1% -s r=2% let.slim", 2, NULL, "twice");
}

static void fmt_rewrites_in_place(void **state)
{
    const struct place *place = *state;

    put(place, "f.slim", "score l1 ; prune   20%  # why\n");
    expect(place, "fmt --check f.slim", 7, "not formatted", NULL);
    expect(place, "fmt f.slim", 0, "formatted", NULL);
    expect(place, "fmt --check f.slim", 0, "", NULL);
    char *text = get(place, "f.slim");
    assert_string_equal(text, "slim 1\nscore l1\nprune 20% of params  # why\n");
    free(text);
    put(place, "g.slim", "score l1; prune %20\n");
    expect(place, "fmt g.slim", 3, NULL, "g.slim:1:17");
    text = get(place, "g.slim");
    assert_string_equal(text, "score l1; prune %20\n");
    free(text);
}

static void fix_applies_what_check_proposes(void **state)
{
    const struct place *place = *state;

    put(place, "x.slim", "scroe l1\nprune 20% of parms in mpl\nprune 5%\n");
    expect(place, "fix x.slim", 0, "fixes applied", NULL);
    char *text = get(place, "x.slim");
    assert_string_equal(text, "score l1\nprune 20% of params in mlp\n"
                              "score l1; prune 5%\n");
    free(text);
    expect(place, "check x.slim", 0, "ok", NULL);
    put(place, "y.slim", "score l1; prune 500%\n");
    expect(place, "fix y.slim", 3, NULL, "out of range");
}

static void includes_are_spliced(void **state)
{
    const struct place *place = *state;

    put(place, "part.slim", "score l1\n");
    put(place, "whole.slim", "include \"part.slim\"\nprune 20%\n");
    expect(place, "check whole.slim", 0, "ok", NULL);
    put(place, "part.slim", "score l1 reduc=sum\n");
    expect(place, "check whole.slim", 3, NULL, "part.slim:1:10: error[N002]");
    put(place, "part.slim", "include \"whole.slim\"\n");
    expect(place, "check whole.slim", 3, NULL, "includes itself");
}

static void tables_are_printed(void **state)
{
    const struct place *place = *state;

    expect(place, "ops", 0, "prune", NULL);
    expect(place, "ops prune", 0, "invalidates", NULL);
    expect(place, "help prune", 0, "invalidates", NULL);
    expect(place, "help plan", 0, "usage: slimc plan", NULL);
    expect(place, "ops --man", 0, ".SS prune", NULL);
    expect(place, "ops --json slice", 0, "\"name\":\"slice\"", NULL);
    expect(place, "completion bash | bash -n", 0, NULL, NULL);
    expect(place, "completion zsh", 0, "#compdef slimc", NULL);
    expect(place, "completion fish", 0, "complete -c slimc", NULL);
    expect(place, "lib", 0, NULL, NULL);
}

static void families_are_listed_shown_and_checked(void **state)
{
    const struct place *place = *state;

    expect(place, "family list", 0, "\nmistral        mistral  ", NULL);
    expect(place, "family list --json", 0,
           "\"name\":\"llama\",\"title\":\"LLaMA 1 to 3 and", NULL);
    expect(place, "family show llama", 0,
           "    q              {layer}self_attn.q_proj.weight  "
           "[kv.rep.dim, stream]\n",
           NULL);
    expect(place, "family show opt", 0,
           "opt_post_norm.yaml where {do_layer_norm_before: false}", NULL);
    expect(place, "family show opt", 0, "\nrules\n  pre_norm; else: ", NULL);
    expect(place, "family show opt", 0,
           "self_attn.q_proj.bias  [kv.dim]  when bias, else made by folding\n",
           NULL);
    expect(place, "family show --json llama", 0, "\"axes\":{\"vocab\":", NULL);
    expect(place, "family show lama", 2, NULL, "did you mean 'llama'?");
    expect(place, "family show", 2, NULL, "which family?");
    expect(place, "family list llama", 2, NULL, "takes no operands");
    expect(place, "family", 2, NULL, "list, show or check?");
    expect(place, "family check", 2, NULL, "at most one model");
    expect(place, "family check none.yaml", 1, NULL, "none.yaml");
    expect(place, "family check a b c", 2, NULL, "at most one model");
    put(place, "f.yaml", "family: f\naxes: {}\nbloks: {}\n");
    expect(place, "family check f.yaml", 1, "", "f.yaml:3:1: error[F005]");
    expect(place, "family check --json f.yaml", 1, "\"code\":\"F005\"", NULL);
    char *text = slim_test_source("compiler/families/llama.yaml");
    struct slim_ran ran =
        slim_test_run("cp '%s' '%s/llama.yaml'", text, place->folder);
    slim_test_ran_free(&ran);
    free(text);
    expect(place, "family check llama.yaml", 0, "llama.yaml: ok\n", NULL);
    expect(place, "family check llama.yaml none", 1, NULL, "none");
}

static void completion_offers_the_words_of_a_command(void **state)
{
    const struct place *place = *state;

    expect(place, "completion bash", 0, "family) words='list show check' ;;",
           NULL);
    expect(place, "completion zsh", 0, "compadd -- list show check; _files",
           NULL);
    expect(place, "completion fish", 0,
           "__fish_seen_subcommand_from completion\" -a \"bash zsh fish\"",
           NULL);
}

static void output_that_cannot_be_written_is_an_error(void **state)
{
    const struct place *place = *state;

    expect(place, "ops > /dev/full", 5, NULL, "could not write");
}

static void a_reader_that_leaves_is_no_error(void **state)
{
    const struct place *place = *state;
    struct slim_ran ran = slim_test_run(
        "for i in 1 2 3 4 5; do '%s' ops --man; done | head -1; true",
        place->slimc);

    assert_string_equal(ran.err, "");
    slim_test_ran_free(&ran);
}

static void plan_prints_and_writes(void **state)
{
    const struct place *place = *state;
    char *model = slim_test_need_shared("models/tiny/llama-mha");
    char arguments[512];

    put(place, "p.slim", "score l1\nprune 25% of groups in mlp layers 0..1\n");
    (void)snprintf(arguments, sizeof(arguments), "plan p.slim '%s'", model);
    expect(place, arguments, 0, "resolves to", NULL);
    (void)snprintf(arguments, sizeof(arguments), "plan p.slim '%s' --ir",
                   model);
    expect(place, arguments, 0, "slim-ir 1", NULL);
    (void)snprintf(arguments, sizeof(arguments), "plan p.slim '%s' --json",
                   model);
    expect(place, arguments, 0, "\"event\":\"total\"", NULL);
    (void)snprintf(arguments, sizeof(arguments), "plan p.slim '%s' -o out",
                   model);
    expect(place, arguments, 0, "", NULL);
    char *text = get(place, "out");
    assert_non_null(strstr(text, "total"));
    free(text);
    free(model);
}

/* Writes in the current directory, and leaves nothing there. */
static void bench_measures_and_predicts(void **state)
{
    const struct place *place = *state;
    char *model = slim_test_source("model");
    char arguments[512];

    put(place, "b.slim", "score l1\nprune 25% of groups in mlp layers 0..1\n");
    expect(place, "bench", 0, "product, f32", NULL);
    expect(place, "bench --json", 0, "\"bf16_flops\":", NULL);
    expect(place, "bench b.slim", 2, NULL, "one recipe and its model");
    expect(place, "bench --threads many", 2, NULL, "a number from 0 to 1024");
    (void)snprintf(arguments, sizeof(arguments), "bench b.slim '%s'", model);
    expect(place, arguments, 0, "score l1 ", NULL);
    struct slim_ran ran = slim_test_run(
        "cd '%s' && SLIMC_FAIL_WRITE=9 '%s' bench; code=$?; ls -A "
        "| grep bench; exit $code",
        place->folder, place->slimc);
    assert_int_equal(ran.exit_code, 5);
    assert_string_equal(ran.out, "");
    slim_test_ran_free(&ran);
    free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usage_errors_are_2_and_suggest),
        cmocka_unit_test(check_says_ok_or_why_not),
        cmocka_unit_test(overrides_replace_constants),
        cmocka_unit_test(fmt_rewrites_in_place),
        cmocka_unit_test(fix_applies_what_check_proposes),
        cmocka_unit_test(includes_are_spliced),
        cmocka_unit_test(tables_are_printed),
        cmocka_unit_test(families_are_listed_shown_and_checked),
        cmocka_unit_test(completion_offers_the_words_of_a_command),
        cmocka_unit_test(output_that_cannot_be_written_is_an_error),
        cmocka_unit_test(a_reader_that_leaves_is_no_error),
        cmocka_unit_test(plan_prints_and_writes),
        cmocka_unit_test(bench_measures_and_predicts),
    };

    return cmocka_run_group_tests(tests, enter, leave);
}
