/* compile_support.c - recipes compiled in memory by the tests of compiler/ */
#include "tests/compile_support.h"

#include "base/text.h"
#include "lang/parse.h"
#include "tests/support.h"
#include "tests/toy.h"

#include <string.h>
#include <unistd.h>

static const char *const sets[] = { "alpaca", "bookcorpus", "wikitext2", NULL };

void compile_case_open(struct compile_case *c, const char *text,
                       const struct slim_model_info *model)
{
    *c = (struct compile_case){ .status = SLIM_FAILED };
    c->diag.arena = slim_arena_open();
    c->source = (struct slim_source){ "test.slim", text, strlen(text) };
    c->host.stages = slim_stages;
    c->host.sets = sets;
    enum slim_status parsed = slim_parse(&c->recipe, &c->source, &c->diag);
    c->status = slim_compile(&c->program, c->recipe, model, &c->host, &c->diag);
    if (parsed != SLIM_OK)
        c->status = SLIM_FAILED;
}

void compile_case_close(struct compile_case *c)
{
    slim_arena_close(c->diag.arena);
}

const struct slim_error *compile_case_find(const struct compile_case *c,
                                           const char *code)
{
    for (const struct slim_error *e = c->diag.first; e; e = e->next)
        if (strcmp(e->code, code) == 0)
            return e;
    return NULL;
}

const struct slim_op *compile_case_op(const struct compile_case *c, size_t n)
{
    if (c->status != SLIM_OK) {
        char *text = slim_test_diag(&c->diag);
        print_message("%s", text);
        free(text);
        fail_msg("the recipe does not compile");
    }
    for (const struct slim_op *op = c->program->first; op; op = op->next)
        if (!op->stage->hidden && n-- == 0)
            return op;
    fail_msg("there are not so many operations");
    return NULL;
}

char *compile_print(const struct slim_program *program)
{
    struct slim_text text = { 0 };

    slim_program_print(&text, program);
    return text.data;
}

struct header {
    struct slim_text text;
    uint64_t offset;
};

static void add_tensor(struct header *h, const char *layer, const char *name,
                       size_t rows, size_t cols)
{
    uint64_t bytes = 2 * (uint64_t)rows * (cols ? cols : 1);

    slim_text_printf(&h->text, "%c\"model.%s%s.weight\":{\"dtype\":\"F16\",",
                     h->offset ? ',' : '{', layer, name);
    if (cols)
        slim_text_printf(&h->text, "\"shape\":[%zu,%zu]", rows, cols);
    else
        slim_text_printf(&h->text, "\"shape\":[%zu]", rows);
    slim_text_printf(&h->text, ",\"data_offsets\":[%llu,%llu]}",
                     (unsigned long long)h->offset,
                     (unsigned long long)(h->offset + bytes));
    h->offset += bytes;
}

static void add_layer(struct header *h, size_t layer,
                      const struct slim_toy *toy)
{
    size_t kv = toy->kv * toy->dim, q = kv * toy->rep, width = toy->width;
    char name[40];

    (void)snprintf(name, sizeof(name), "layers.%zu.", layer);
    add_tensor(h, name, "self_attn.q_proj", q, width);
    add_tensor(h, name, "self_attn.k_proj", kv, width);
    add_tensor(h, name, "self_attn.v_proj", kv, width);
    add_tensor(h, name, "self_attn.o_proj", width, q);
    add_tensor(h, name, "mlp.gate_proj", toy->mlp, width);
    add_tensor(h, name, "mlp.up_proj", toy->mlp, width);
    add_tensor(h, name, "mlp.down_proj", width, toy->mlp);
    add_tensor(h, name, "input_layernorm", width, 0);
    add_tensor(h, name, "post_attention_layernorm", width, 0);
}

/* A file that has the length of its weights, and a hole in their place. */
static void write_weights(const char *path, const struct slim_toy *toy)
{
    struct header h = { .offset = 0 };
    unsigned char length[8];

    add_tensor(&h, "", "embed_tokens", toy->vocab, toy->width);
    for (size_t l = 0; l < toy->layers; l++)
        add_layer(&h, l, toy);
    add_tensor(&h, "", "norm", toy->width, 0);
    slim_text_puts(&h.text, ",\"lm_head.weight\":{\"dtype\":\"F16\",");
    slim_text_printf(&h.text, "\"shape\":[%zu,%zu],\"data_offsets\":[%llu,",
                     toy->vocab, toy->width, (unsigned long long)h.offset);
    h.offset += 2 * (uint64_t)toy->vocab * toy->width;
    slim_text_printf(&h.text, "%llu]}}", (unsigned long long)h.offset);
    for (size_t i = 0; i < sizeof(length); i++)
        length[i] = (unsigned char)(h.text.length >> (8 * i));
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(length, 1, 8, file) != 8 ||
        fwrite(h.text.data, 1, h.text.length, file) != h.text.length ||
        fflush(file) != 0 ||
        ftruncate(fileno(file), (off_t)(8 + h.text.length + h.offset)) != 0 ||
        fclose(file) != 0)
        fail_msg("could not write %s", path);
    slim_text_free(&h.text);
}

static void write_config(const char *path, const struct slim_toy *toy)
{
    struct slim_text text = { 0 };

    slim_text_printf(
        &text,
        "{\"model_type\":\"llama\",\"architectures\":[\"LlamaForCausalLM\"],"
        "\"hidden_size\":%zu,\"num_hidden_layers\":%zu,"
        "\"num_attention_heads\":%zu,\"num_key_value_heads\":%zu,"
        "\"intermediate_size\":%zu,\"vocab_size\":%zu,"
        "\"rms_norm_eps\":1e-5,\"tie_word_embeddings\":false,"
        "\"hidden_act\":\"silu\",\"rope_theta\":10000.0,"
        "\"max_position_embeddings\":4096}",
        toy->width, toy->layers, toy->kv * toy->rep, toy->kv, toy->mlp,
        toy->vocab);
    slim_test_puts(path, text.data);
    slim_text_free(&text);
}

struct slim_model_info *compile_toy(size_t layers, size_t width, size_t heads,
                                    size_t kv, size_t mlp, size_t vocab,
                                    struct slim_arena *arena)
{
    const struct slim_toy toy = {
        .layers = layers,
        .width = width,
        .kv = kv,
        .rep = heads / kv,
        .dim = width / heads,
        .mlp = mlp,
        .vocab = vocab,
    };
    const struct slim_span nowhere = { NULL, 0, 0 };
    struct slim_diag diag = { .arena = arena };
    struct slim_model_info *info = NULL;
    char *folder = slim_test_directory();
    char *weights = slim_test_join(folder, "model.safetensors");
    char *config = slim_test_join(folder, "config.json");
    char *families = slim_test_source("compiler/families");

    write_weights(weights, &toy);
    write_config(config, &toy);
    if (slim_model_open(&info, folder, families, nowhere, &diag) != SLIM_OK)
        fail_msg("%s", slim_test_diag(&diag));
    info->name = "toy";
    free(weights);
    free(config);
    free(families);
    slim_test_directory_remove(folder);
    return info;
}
