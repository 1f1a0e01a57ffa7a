/* lang_dump.c - what lang/ makes of a recipe, for golden files */
#include "base/file.h"
#include "base/text.h"
#include "lang/parse.h"

#include <stdio.h>
#include <string.h>

static const char *const value_kinds[] = {
    [SLIM_VALUE_NUMBER] = "number", [SLIM_VALUE_PERCENT] = "percent",
    [SLIM_VALUE_RATIO] = "ratio",   [SLIM_VALUE_STRING] = "string",
    [SLIM_VALUE_NAME] = "name",     [SLIM_VALUE_VAR] = "var",
};

static const char *const stmt_kinds[] = {
    [SLIM_STMT_VERSION] = "version", [SLIM_STMT_INCLUDE] = "include",
    [SLIM_STMT_LET] = "let",         [SLIM_STMT_DATA] = "data",
    [SLIM_STMT_COMPUTE] = "compute", [SLIM_STMT_MEASURE] = "measure",
    [SLIM_STMT_ASSERT] = "assert",   [SLIM_STMT_SAVE] = "save",
    [SLIM_STMT_STAGE] = "stage",     [SLIM_STMT_SWEEP] = "sweep",
    [SLIM_STMT_KEEP] = "keep",
};

/* " method:name taylor", with every value of a chain */
static void put_value(struct slim_text *out, const char *role,
                      const struct slim_value *value)
{
    for (; value; value = value->next) {
        slim_text_printf(out, " %s:%s ", role, value_kinds[value->kind]);
        slim_value_print(out, value);
        if (value->integer)
            slim_text_printf(out, "=%.0f", value->number);
    }
}

static void put_scope(struct slim_text *out, const char *role,
                      const struct slim_scope *scope)
{
    for (; scope; scope = scope->next) {
        put_value(out, role, scope->name);
        for (const struct slim_range *r = scope->layers; r; r = r->next)
            slim_text_printf(out, " %s:layers %ld..%ld", role, r->first,
                             r->last);
    }
}

static void put_expr(struct slim_text *out, const struct slim_expr *expr)
{
    if (expr->kind == SLIM_EXPR_LEAF) {
        put_value(out, "leaf", expr->leaf);
        return;
    }
    slim_text_printf(out, " (%c", expr->op);
    put_expr(out, expr->left);
    put_expr(out, expr->right);
    slim_text_puts(out, ")");
}

static void put_cases(struct slim_text *out, const struct slim_case *one)
{
    for (; one; one = one->next) {
        put_value(out, one->values->next ? "tuple" : "case", one->values);
        put_value(out, "last", one->last);
        put_value(out, "step", one->step);
    }
}

static void put_stmt(struct slim_text *out, const struct slim_stmt *s)
{
    slim_text_printf(out, "%s %zu..%zu", stmt_kinds[s->kind], s->span.begin,
                     s->span.end);
    put_value(out, "verb", s->verb);
    put_value(out, "name", s->name);
    put_value(out, s->library ? "library" : "value", s->value);
    put_value(out, "path", s->path);
    put_value(out, "word", s->words);
    put_value(out, "method", s->method);
    if (s->amount) {
        put_value(out, s->amount->to ? "to" : "amount", s->amount->quantity);
        put_value(out, "unit", s->amount->unit);
    }
    put_scope(out, "in", s->scope);
    put_scope(out, "except", s->except);
    put_value(out, "on", s->on);
    for (const struct slim_arg *a = s->args; a; a = a->next)
        put_value(out, a->name->text, a->value);
    put_cases(out, s->cases);
    put_value(out, "as", s->label);
    if (s->expr)
        put_expr(out, s->expr);
    slim_text_puts(out, s->warn ? " warn\n" : "\n");
}

static void put_tree(struct slim_text *out, const struct slim_recipe *recipe)
{
    for (const struct slim_stmt *s = recipe->first; s; s = s->next)
        put_stmt(out, s);
    put_value(out, "unread", recipe->unread);
    if (recipe->unread)
        slim_text_puts(out, "\n");
}

static int usage(void)
{
    fputs("usage: lang_dump check|print|tree|fix FILE\n", stderr);
    return 2;
}

static int dump(const char *command, const char *path, struct slim_diag *diag)
{
    struct slim_source *source = SLIM_NEW(diag->arena, struct slim_source);
    struct slim_span nowhere = { 0 };
    struct slim_recipe *recipe = NULL;
    struct slim_text out = { 0 };
    size_t applied = 0;

    if (slim_file_read(source, path, 0, nowhere, diag) == SLIM_OK)
        (void)!slim_parse(&recipe, source, diag);
    if (strcmp(command, "check") == 0)
        slim_diag_print(diag, stdout, false);
    else if (recipe && strcmp(command, "tree") == 0)
        put_tree(&out, recipe);
    else if (recipe && strcmp(command, "print") == 0)
        slim_recipe_print(&out, recipe);
    else if (recipe && strcmp(command, "fix") == 0)
        out = slim_apply_fixes(source, diag, &applied);
    else
        return usage();
    if (out.length > 0)
        (void)fwrite(out.data, 1, out.length, stdout);
    slim_text_free(&out);
    return slim_diag_exit(diag);
}

int main(int argc, char **argv)
{
    struct slim_diag diag = { 0 };
    int code;

    if (argc != 3)
        return usage();
    diag.arena = slim_arena_open();
    code = dump(argv[1], argv[2], &diag);
    slim_arena_close(diag.arena);
    return code;
}
