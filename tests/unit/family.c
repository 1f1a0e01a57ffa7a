/* family.c - family files: what is wrong in one, and where */
#include "compiler/ir/family.h"

#include "base/file.h"
#include "base/text.h"
#include "tests/place.h"
#include "tests/tiny.h"

#include <string.h>

/* ---- family files ---- */

static char *read_family(const char *name)
{
    char *path = slim_test_source(name);
    size_t count = 0;
    char *text = slim_test_read(path, &count);
    free(path);
    return text;
}

/* Changes the shipped file in one place: the error has this code and line. */
static void refuses(const char *part, const char *by, const char *code)
{
    char *text = read_family("compiler/families/llama.yaml");
    char *changed = slim_test_replaced(text, part, by);
    char *path = slim_test_join(slim_place.folder, "f.yaml");
    slim_test_puts(path, changed);
    slim_place_clear();
    if (slim_family_check(path, &slim_place.diag) == SLIM_OK)
        fail_msg("accepted: %s", by);
    if (!slim_test_has_error(&slim_place.diag, code)) {
        slim_diag_print(&slim_place.diag, stderr, false);
        fail_msg("no error %s for: %s", code, by);
    }
    /* each has a place in the file */
    for (struct slim_error *e = slim_place.diag.first; e != NULL; e = e->next) {
        assert_non_null(e->span.source);
        assert_true(e->span.end <= strlen(changed));
    }
    free(path);
    free(changed);
    free(text);
}

static void shipped_families_are_whole(void **state)
{
    (void)state;
    static const char *const folders[] = { "compiler/families",
                                           "tests/families" };
    for (size_t f = 0; f < SLIM_COUNT(folders); f++) {
        char *path = slim_test_source(folders[f]);
        char **files =
            slim_list_directory(slim_place.diag.arena, path, ".yaml");
        assert_non_null(files[0]);
        for (size_t i = 0; files[i] != NULL; i++) {
            const char *file =
                slim_path_join(slim_place.diag.arena, path, files[i]);
            enum slim_status status = slim_family_check(file, &slim_place.diag);
            slim_diag_print(&slim_place.diag, stderr, false);
            assert_int_equal(status, SLIM_OK);
        }
        free(path);
    }
}

static void sections_are_checked(void **state)
{
    (void)state;
    refuses("axes:", "axis:", "F301");
    refuses("  layers: num_hidden_layers\n", "", "F301");
    refuses("type: flag", "type: flags", "F303");
    refuses("default: heads }", "default: hedas }", "F321");
    refuses("default: heads }", "default: hidden }", "F321");
    refuses("default: width // heads }", "default: width // }", "F320");
    refuses("default: width // heads }", "default: (width // heads }", "F320");
    refuses("  width: hidden_size", "  if: hidden_size", "F304");
    refuses("stream: { size: width, per: site, unit: channel }",
            "stream: { size: width, per: place, unit: channel }", "F305");
    refuses("mlp: { size: hidden, per: layer, unit: mlp column }",
            "mlp: { size: hidden, per: site, unit: mlp column }", "F305");
    refuses("dim: { size: head_dim, fixed: true }",
            "eps: { size: head_dim, fixed: true }", "F305");
    refuses("heads % kv_heads == 0", "heads % kv_heads == ", "F320");
    refuses("- { type: llama, class: LlamaForCausalLM,\n        when: "
            "stream % (kv * rep) == 0 }",
            "- { type: llama }", "F301");
    refuses("{layer}{node}_shortcut_Q", "{layer}{block}_shortcut_Q", "F334");
}

static void dims_are_checked(void **state)
{
    (void)state;
    refuses("q: { name: \"{layer}self_attn.q_proj.weight\", dims: [kv.rep.dim,",
            "q: { name: \"{layer}self_attn.q_proj.weight\", dims: [kv.rap.dim,",
            "F310");
    refuses("q: { name: \"{layer}self_attn.q_proj.weight\", dims: [kv.rep.dim,",
            "q: { name: \"{layer}self_attn.q_proj.weight\", dims: [kv.(rep,",
            "F311");
    refuses("dims: [kv.rep.dim, stream] }", "dims: [kv.kv.dim, stream] }",
            "F312");
    refuses("dims: [kv.rep.dim, stream] }", "dims: [kv.rep.dim, stream.dim] }",
            "F312");
    refuses("dims: [kv.rep.dim, stream] }", "dims: [kv.rep.dim] }", "F331");
    refuses("dims: [kv.rep.dim, stream] }", "dims: [kv.dim, stream] }", "F331");
    refuses("dims: [kv.dim, stream] }", "dims: [mlp, stream] }", "F331");
    refuses("dims: [mlp, stream] }", "dims: [stream, mlp] }", "F331");
    refuses("dims: [stream, kv.rep.dim] }", "dims: [stream, mlp] }", "F331");
    refuses("dims: [stream, kv.rep.dim] }", "dims: [stream, rep.dim.kv] }",
            "F331");
    refuses("dims: [vocab, stream] }", "dims: [mlp, stream] }", "F331");
    refuses("dims: [vocab, stream] }", "dims: [vocab, stream, stream] }",
            "F313");
    refuses("dims: [kv.rep.dim],", "dims: [kv.dim],", "F331");
}

static void tensors_are_checked(void **state)
{
    (void)state;
    refuses("        up: {", "        upp: {", "F005");
    refuses("        o: { name: \"{layer}self_attn.o_proj.weight\", dims: "
            "[stream, kv.rep.dim] }\n",
            "", "F330");
    refuses(
        "        gate: { name: \"{layer}mlp.gate_proj.weight\", dims: [mlp, "
        "stream] }\n",
        "", "F330");
    refuses("{layer}mlp.up_proj.weight", "{layer}mlp.gate_proj.weight", "F332");
    refuses("{layer}mlp.up_proj.weight", "{root}mlp.up_proj.weight", "F332");
    refuses("{layer}mlp.up_proj.weight", "{layer}mlp.{j}.weight", "F334");
    refuses("{root}embed_tokens.weight", "{layer}embed_tokens.weight", "F334");
    refuses("to: embedding.weight", "to: embeddings.weight", "F333");
    refuses("to: embedding.weight", "to: final_norm.weight", "F331");
    refuses(",\n                  to: embedding.weight }", " }", "F314");
}

static void blocks_make_a_program(void **state)
{
    (void)state;
    refuses("kind: mlp", "kind: mpl", "F318");
    refuses("{ kind: rms, eps: eps }", "{ kind: rsm, eps: eps }", "F315");
    refuses("{ kind: rms, eps: eps }", "{ kind: rms }", "F316");
    refuses("in: [x, a], out: x", "in: [x, b], out: x", "F340");
    refuses("in: [x, a], out: x", "in: [x, a, a], out: x", "F317");
    refuses("in: [x, a], out: x", "in: [a, x], out: x", "F342");
    refuses("in: [x, a], out: x", "in: [x, a], out: y", "F343");
    refuses("in: [x, m], out: x", "in: [x, a], out: x", "F341");
    refuses("    - kind: mlp\n      in: h", "    - kind: mlp\n      in: a",
            "F341");
    refuses("      in: h\n      out: m\n", "      in: h\n      out: x\n",
            "F342");
    refuses("    - kind: embedding\n      out: x\n",
            "    - kind: embedding\n      out: e\n", "F343");
    refuses("    - { kind: add, name: mlp, in: [x, m], out: x }\n", "", "F343");
}

static void errors_are_all_reported(void **state)
{
    (void)state;
    char *text = read_family("compiler/families/llama.yaml");
    char *one = slim_test_replaced(text, "[kv.rep.dim, stream]",
                                   "[kv.rap.dim, stream]");
    char *two = slim_test_replaced(one, "[mlp, stream]", "[mlpp, stream]");
    char *three = slim_test_replaced(two, "act: act }", "act: 1 + }");
    char *path = slim_test_join(slim_place.folder, "f.yaml");
    slim_test_puts(path, three);
    assert_int_equal(slim_family_check(path, &slim_place.diag), SLIM_FAILED);
    assert_int_equal(slim_place.diag.errors, 3);
    char *shown = slim_test_diag(&slim_place.diag);
    assert_non_null(strstr(shown, "\"rap\" is not one of this family's axes"));
    assert_non_null(strstr(shown, "^~~"));
    assert_non_null(strstr(shown, "fix:"));
    free(shown);
    free(path);
    free(three);
    free(two);
    free(one);
    free(text);
}

/* ---- what the messages say ---- */

/* Changes the shipped file in one place: the error stands at the text `at`. */
static void says(const char *part, const char *by, const char *code,
                 const char *at, const char *message)
{
    refuses(part, by, code);
    const struct slim_error *error = slim_place.diag.first;
    while (error != NULL && strcmp(error->code, code) != 0)
        error = error->next;
    if (error == NULL)
        return; /* refuses() has said so */
    const char *text = error->span.source->text + error->span.begin;
    if (strncmp(text, at, strlen(at)) != 0 ||
        error->span.end - error->span.begin != strlen(at))
        fail_msg("%s points at: %.*s", code,
                 (int)(error->span.end - error->span.begin), text);
    if (strstr(error->message, message) == NULL)
        fail_msg("%s says: %s", code, error->message);
}

static void entries_that_need_each_other_are_refused(void **state)
{
    (void)state;
    says("heads: num_attention_heads",
         "heads: { key: num_attention_heads, default: 2 * kv_heads }", "F326",
         "kv_heads", "\"heads\" needs \"kv_heads\", and that leads back");
    assert_int_equal(slim_place.diag.errors, 1);
    assert_string_equal(slim_place.diag.first->notes->text,
                        "\"kv_heads\" needs \"heads\"");
    says("vocab_size: vocab_size",
         "vocab_size: { key: vocab_size, default: floor(vocab_size) }", "F326",
         "vocab_size", "\"vocab_size\" needs itself");
    /* through two others, with a note for each step */
    says("  layers: num_hidden_layers\n",
         "  layers: { value: a }\n  a: { value: b + 1 }\n"
         "  b: { key: \"x\", when: layers > 0 }\n",
         "F326", "a", "\"layers\" needs \"a\"");
    assert_string_equal(slim_place.diag.first->notes->text,
                        "\"a\" needs \"b\"");
    assert_string_equal(slim_place.diag.first->notes->next->text,
                        "\"b\" needs \"layers\"");
    /* no cycle, but the wrong order */
    says("width: hidden_size", "width: { key: hidden_size, default: hidden }",
         "F321", "hidden", "an entry uses those above it");
    /* names in quotes and calls are no needs */
    char *text = read_family("compiler/families/llama.yaml");
    char *good =
        slim_test_replaced(text, "layers: num_hidden_layers",
                           "layers: { key: n, default: "
                           "'1 if \"act\" == \"eos\" else floor(2)' }");
    char *path = slim_test_join(slim_place.folder, "f.yaml");
    slim_test_puts(path, good);
    slim_place_clear();
    assert_int_equal(slim_family_check(path, &slim_place.diag), SLIM_OK);
    free(path);
    free(good);
    free(text);
}

static void unknown_keys_point_at_themselves(void **state)
{
    (void)state;
    says("family: llama\n", "famly: llama\n", "F005", "famly", "famly");
    says("per: site", "pre: site", "F005", "pre", "pre");
    says("      out: h\n", "      oot: h\n", "F005", "oot", "oot");
    says("  shortcut:", "  short_cut:", "F005", "short_cut", "short_cut");
    says("ignore:\n  tensors:", "ignore:\n  tensor:", "F005", "tensor",
         "tensor");
    says("  root: [", "  rot: [", "F005", "rot", "rot");
    says("tied: tied,", "tide: tied,", "F005", "tide", "tide");
    says("type: number, default: 1e-6", "typ: number, default: 1e-6", "F005",
         "typ", "typ");
    says("  - that: heads", "  - tat: heads", "F005", "tat", "tat");
    says("{ kind: rms, eps: eps }", "{ kind: rms, epsilon: eps }", "F005",
         "epsilon", "epsilon");
}

static void one_name_is_one_tensor(void **state)
{
    (void)state;
    says("\"{layer}mlp.up_proj.weight\"", "\"{layer}mlp.gate_proj.weight\"",
         "F332", "\"{layer}mlp.gate_proj.weight\"", "names two tensors");
    /* the same name written in another way */
    says("\"{layer}mlp.up_proj.weight\"",
         "\"{root}layers.{i}.mlp.gate_proj.weight\"", "F332",
         "\"{root}layers.{i}.mlp.gate_proj.weight\"", "names two tensors");
    says("\"{layer}mlp.up_proj.weight\"",
         "\"model.layers.{i}.mlp.gate_proj.weight\"", "F332",
         "\"model.layers.{i}.mlp.gate_proj.weight\"", "names two tensors");
    /* a layer's tensor, and one outside of the layers */
    says("\"{root}norm.weight\"", "\"{root}layers.12.input_layernorm.weight\"",
         "F332", "\"{root}layers.12.input_layernorm.weight\"",
         "names two tensors");
    says("self_attn.rotary_emb.inv_freq", "self_attn.q_proj.weight", "F332",
         "\"{root}layers.{i}.self_attn.q_proj.weight\"",
         "is a tensor of block \"attention\"");
    says("[\"{root}layers.{i}.self_attn.rotary_emb.inv_freq\"",
         "[\"{layer}{n}.inv_freq\"", "F334", "\"{layer}{n}.inv_freq\"",
         "\"{n}\" stands for nothing");
    says("root: [\"model.\", \"\"]", "root: [\"\", \"\"]", "F332", "\"\"",
         "stands here twice");
    says("root: [\"model.\", \"\"]", "root: []", "F301", "[]", "prefix");
    says("  vocab: {", "  mlp: {", "F004", "mlp", "given twice");
}

static void patterns_meet(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool meet;
    } cases[] = {
        { "a.b", "a.b", true },
        { "a.b", "a.bc", false },
        { "a.bc", "a.b", false },
        { "{root}a", "m.a", true },
        { "{root}a", "a", false },
        { "{root}a", "{root}a", true },
        { "x.{i}.w", "x.12.w", true },
        { "x.{i}.w", "x..w", false },
        { "x.1.w", "x.{i}.w", true },
        { "x.{i}.w", "x.{i}.w", true },
        { "x.{i}.w", "x.{i}.v", false },
        { "{root}{i}", "m.7", true },
        { "x.{i}", "x.1a", false },
        { "", "", true },
        { "", "{i}", false },
    };
    for (size_t c = 0; c < SLIM_COUNT(cases); c++)
        if (slim_pattern_meets(cases[c].a, cases[c].b, "m.") != cases[c].meet)
            fail_msg("\"%s\" and \"%s\"", cases[c].a, cases[c].b);
    assert_true(slim_pattern_meets("{root}1", "{i}", "3"));
    assert_true(slim_pattern_meets("{root}a", "a", ""));
}

/* ---- expressions ---- */

static double number_of(const char *text)
{
    struct slim_source *source =
        SLIM_NEW(slim_place.diag.arena, struct slim_source);
    struct slim_names names = { 0 };
    static const struct slim_value items[2] = { { .kind = SLIM_VALUE_NUMBER } };
    struct slim_value values[4] = {
        { .kind = SLIM_VALUE_NUMBER, .number = 12 },
        { .kind = SLIM_VALUE_TEXT, .text = "silu" },
        { .kind = SLIM_VALUE_FLAG, .number = 1 },
        { .kind = SLIM_VALUE_LIST, .items = items, .count = 2 },
    };
    struct slim_scope scope = { .values = values };
    const struct slim_expr *expr = NULL;
    struct slim_value value = { 0 };
    *source = (struct slim_source){ "f.yaml", text, strlen(text) };
    struct slim_yaml node = { .text = text,
                              .span = { source, 0, strlen(text) } };
    slim_names_add(&names, "n", slim_place.diag.arena);
    slim_names_add(&names, "t", slim_place.diag.arena);
    slim_names_add(&names, "f", slim_place.diag.arena);
    slim_names_add(&names, "l", slim_place.diag.arena);
    if (slim_expr_parse(&expr, &node, &names, &slim_place.diag) != SLIM_OK ||
        slim_expr_eval(&value, expr, &scope, &slim_place.diag) != SLIM_OK)
        return -1;
    return value.number;
}

static void expressions_have_values(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } cases[] = {
        { "1 + 2 * 3", 7 },
        { "(1 + 2) * 3", 9 },
        { "10 - 2 - 3", 5 },
        { "n / 8", 1.5 },
        { "n // 8", 1 },
        { "n % 8", 4 },
        { "-n + 20", 8 },
        { "- -3", 3 },
        { "floor(2.7) + sqrt(16)", 6 },
        { "1e-5 * 2", 2e-5 },
        { "log(1) + 1", 1 },
        { "length(l)", 2 },
        { "1 if f else 2", 1 },
        { "1 if not f else 2 if n == 12 else 3", 2 },
        { "t == \"silu\"", 1 },
        { "t != 'silu' or n > 11", 1 },
        { "f and n >= 13", 0 },
        { "not n == 12", 0 },
        { "true and not false", 1 },
    };
    for (size_t c = 0; c < SLIM_COUNT(cases); c++) {
        double have = number_of(cases[c].text);
        if (have != cases[c].value)
            fail_msg("%s gives %g", cases[c].text, have);
    }
    assert_int_equal(slim_place.diag.errors, 0);
}

static void bad_expressions_are_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",         "1 +",    "(1",         "1)",          "n n",
        "m",        "1 / 0",  "n + t",      "t == n",      "1 if n else 2",
        "n[0]",     "\"a",    "1 if f",     "sqrt(0 - 1)", "not n",
        "n and f",  "1 2",    "n == ",      "? n",         "-t",
        "floor(t)", "log(0)", "log(0 - n)", "length(n)",   "log(l)",
    };
    for (size_t c = 0; c < SLIM_COUNT(cases); c++) {
        slim_place_clear();
        if (number_of(cases[c]) != -1)
            fail_msg("accepted: %s", cases[c]);
        assert_int_equal(slim_place.diag.errors, 1);
    }
}

int main(void)
{
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, slim_place_set_up,                   \
                                    slim_place_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(shipped_families_are_whole),
        TEST(sections_are_checked),
        TEST(dims_are_checked),
        TEST(tensors_are_checked),
        TEST(blocks_make_a_program),
        TEST(errors_are_all_reported),
        TEST(entries_that_need_each_other_are_refused),
        TEST(unknown_keys_point_at_themselves),
        TEST(one_name_is_one_tensor),
        TEST(patterns_meet),
        TEST(expressions_have_values),
        TEST(bad_expressions_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
