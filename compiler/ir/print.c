/* print.c - a program as text, one operation a line */
#include "base/text.h"
#include "compiler/ir/stage.h"

static void put_number(struct slim_text *out, double value)
{
    struct slim_arena *arena = slim_arena_open();

    slim_text_puts(out, slim_text_number(arena, value));
    slim_arena_close(arena);
}

static void put_amount(struct slim_text *out, const struct slim_quantity *q)
{
    if (q->kind == SLIM_QUANTITY_NONE)
        return;
    slim_text_puts(out, q->to ? " to " : " ");
    if (q->kind == SLIM_QUANTITY_RATIO) {
        slim_text_printf(out, "%llu:%llu", (unsigned long long)q->left,
                         (unsigned long long)q->right);
    } else {
        put_number(out, q->value);
        slim_text_puts(out, q->kind == SLIM_QUANTITY_PERCENT ? "%" : "");
    }
    slim_text_printf(out, " of %s", q->unit);
}

static void put_items(struct slim_text *out, const bool *roles,
                      const struct slim_range_ir *ranges, size_t range_count,
                      const char *const *globs, size_t glob_count)
{
    for (int r = 0; r < SLIM_ROLE_COUNT; r++)
        if (roles[r])
            slim_text_printf(out, " %s", slim_role_name((enum slim_role)r));
    for (size_t i = 0; i < glob_count; i++) {
        slim_text_puts(out, " ");
        slim_text_quote(out, globs[i]);
    }
    for (size_t i = 0; i < range_count; i++) {
        slim_text_printf(out, "%s%ld", i ? "," : " layers ", ranges[i].first);
        if (ranges[i].last != ranges[i].first)
            slim_text_printf(out, "..%ld", ranges[i].last);
    }
}

static void put_where(struct slim_text *out, const struct slim_where *where)
{
    bool except = where->except_count > 0 || where->except_glob_count > 0;

    if (!where->given)
        return;
    slim_text_puts(out, where->width ? " in width" : " in");
    put_items(out, where->roles, where->ranges, where->range_count,
              where->globs, where->glob_count);
    for (int r = 0; r < SLIM_ROLE_COUNT; r++)
        except = except || where->except_roles[r];
    if (!except)
        return;
    slim_text_puts(out, " except");
    put_items(out, where->except_roles, where->except, where->except_count,
              where->except_globs, where->except_glob_count);
}

static void put_args(struct slim_text *out, const struct slim_op *op)
{
    const struct slim_param *p = op->stage->params;

    for (; p && p->name; p++) {
        struct slim_text value = { 0 };
        /* a sample keeps its own arguments */
        if (!slim_param_applies(p, op->method) ||
            !slim_param_kept(op->stage, p, op->method))
            continue;
        if (slim_param_print(&value, p, op->args))
            slim_text_printf(out, " %s=%s", p->name, value.data);
        slim_text_free(&value);
    }
}

void slim_op_print_amount(struct slim_text *out, const struct slim_op *op)
{
    put_amount(out, &op->amount);
}

void slim_op_print_where(struct slim_text *out, const struct slim_op *op)
{
    put_where(out, &op->where);
}

static void put_formula(struct slim_text *out, const struct slim_formula *f)
{
    if (f->op != 0) {
        slim_text_printf(out, " (%s", slim_formula_sign(f->op));
        put_formula(out, f->left);
        put_formula(out, f->right);
        slim_text_puts(out, ")");
    } else if (f->number) {
        slim_text_puts(out, " ");
        put_number(out, f->value);
        slim_text_puts(out, "=");
        slim_text_quote(out, f->text);
    } else if (f->measure) {
        slim_text_printf(out, " %s@%u", f->text, f->measure->id);
    } else {
        slim_text_printf(out, " %s", f->text);
    }
}

/* " kv=3x4,2x24,3x2": runs of equal sizes. */
static void put_runs(struct slim_text *out, const char *name,
                     const size_t *sizes, size_t count, size_t stride)
{
    const char *comma = "=";

    slim_text_printf(out, " %s", name);
    for (size_t i = 0; i < count;) {
        size_t first = i;
        while (i < count && sizes[i * stride] == sizes[first * stride])
            i++;
        slim_text_printf(out, "%s%zux%zu", comma, sizes[first * stride],
                         i - first);
        comma = ",";
    }
}

void slim_shape_print(struct slim_text *out, const struct slim_shape *shape)
{
    const struct slim_arch *arch = shape->arch;

    slim_text_printf(out, " params=%llu",
                     (unsigned long long)slim_shape_params(shape));
    for (size_t a = 0; a < arch->axis_count; a++)
        if (arch->axes[a].kind == SLIM_AXIS_LAYER)
            put_runs(out, arch->axes[a].name, shape->sizes + a, arch->layers,
                     arch->axis_count);
    put_runs(out, arch->axes[arch->stream].name, shape->sites, arch->site_count,
             1);
    slim_text_puts(out, shape->shortcuts ? " shortcuts" : "");
    slim_text_puts(out, shape->folded ? " folded" : "");
    slim_text_puts(out, shape->untied ? " untied" : "");
    if (shape->divisor)
        slim_text_printf(out, " divisor=%zu", shape->divisor);
}

void slim_op_print_resolved(struct slim_text *out, const struct slim_op *op)
{
    bool changed =
        op->after && op->before && !slim_shape_equal(op->before, op->after);

    if (!op->resolved && !changed && !op->estimated)
        return;
    slim_text_puts(out, " ->");
    if (op->resolved) {
        slim_text_puts(out, " ");
        slim_text_quote(out, op->resolved);
    }
    if (changed)
        slim_shape_print(out, op->after);
    slim_text_puts(out, op->estimated ? " estimated" : "");
}

static void put_op(struct slim_text *out, const struct slim_op *op)
{
    slim_text_printf(out, "%%%u %s", op->id, op->stage->name);
    if (op->method)
        slim_text_printf(out, " %s", op->method);
    put_amount(out, &op->amount);
    put_where(out, &op->where);
    put_args(out, op);
    if (op->label)
        slim_text_printf(out, " as %s", op->label);
    slim_text_puts(out, op->implied ? " implied" : "");
    if (op->fused)
        slim_text_printf(out, " fused %%%u", op->fused->id);
    for (size_t i = 0; i < op->input_count; i++)
        slim_text_printf(out, "%s %%%u:%s", i ? "" : " <-",
                         op->inputs[i].op->id,
                         slim_type_name(op->inputs[i].type));
    if (op->formula) {
        slim_text_puts(out, " when");
        put_formula(out, op->formula);
    }
    slim_text_puts(out, " text ");
    slim_text_quote(out, op->text);
    slim_op_print_resolved(out, op);
    slim_text_puts(out, "\n");
}

static void put_point(struct slim_text *out, const struct slim_program *program)
{
    const struct slim_point *point = program->point;

    slim_text_puts(out, "point ");
    slim_text_quote(out, point->name);
    for (size_t i = 0; i < point->sweep->axis_count; i++) {
        slim_text_printf(out, " %s=", point->sweep->axes[i]);
        slim_text_quote(out, point->values[i]);
        if (point->numbers[i] < 0.0 || point->numbers[i] > 0.0) {
            slim_text_puts(out, "=");
            put_number(out, point->numbers[i]);
        }
    }
    slim_text_puts(out, "\n");
    if (!program->unmet)
        return;
    slim_text_puts(out, "unmet ");
    slim_text_quote(out, program->unmet->message);
    slim_text_puts(out, "\n");
}

static void put_program(struct slim_text *out,
                        const struct slim_program *program)
{
    slim_text_puts(out, "slim-ir 1\n");
    if (program->point)
        put_point(out, program);
    slim_text_printf(out, "compute %s%s\n", program->compute,
                     program->compute_given ? "" : " default");
    if (program->model) {
        slim_text_puts(out, "model ");
        slim_text_quote(out, program->model->name);
        slim_text_printf(out, " %s layers=%zu", program->model->arch->family,
                         program->model->arch->layers);
        slim_shape_print(out, program->model->shape);
        slim_text_puts(out, "\n");
    }
    for (const struct slim_op *op = program->first; op; op = op->next)
        put_op(out, op);
}

void slim_program_print(struct slim_text *out,
                        const struct slim_program *program)
{
    for (; program; program = program->next)
        put_program(out, program);
}
