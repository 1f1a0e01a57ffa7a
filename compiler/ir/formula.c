/* formula.c - the value and the text of what an assert compares */
#include "base/text.h"
#include "compiler/ir/ir.h"

#include <math.h>

static bool compare(double *out, char op, double left, double right)
{
    bool equal = left <= right && left >= right;

    switch (op) {
    case '<':
        *out = left < right;
        return true;
    case '>':
        *out = left > right;
        return true;
    case 'l':
        *out = left <= right;
        return true;
    case 'g':
        *out = left >= right;
        return true;
    case '=':
        *out = equal;
        return true;
    case '!':
        *out = !equal;
        return true;
    default:
        return false;
    }
}

static bool combine(double *out, char op, double left, double right)
{
    switch (op) {
    case '+':
        *out = left + right;
        return true;
    case '-':
        *out = left - right;
        return true;
    case '*':
        *out = left * right;
        return true;
    case '/':
        *out = left / right;
        return true;
    default:
        return compare(out, op, left, right);
    }
}

bool slim_formula_value(double *out, const struct slim_formula *formula,
                        bool (*leaf)(void *context, double *value,
                                     const struct slim_formula *leaf),
                        void *context)
{
    double left = 0.0, right = 0.0;

    if (formula->op != 0)
        return slim_formula_value(&left, formula->left, leaf, context) &&
               slim_formula_value(&right, formula->right, leaf, context) &&
               combine(out, formula->op, left, right);
    if (!formula->number)
        return leaf(context, out, formula);
    *out = formula->value;
    return true;
}

/* Binds tighter the larger it is. */
static int strength(char op)
{
    if (op == 0)
        return 4;
    if (op == '*' || op == '/')
        return 3;
    return op == '+' || op == '-' ? 2 : 1;
}

const char *slim_formula_sign(char op)
{
    static const struct {
        char op;
        const char *sign;
    } signs[] = {
        { '+', "+" },  { '-', "-" },  { '*', "*" },  { '/', "/" },
        { '<', "<" },  { '>', ">" },  { 'l', "<=" }, { 'g', ">=" },
        { '=', "==" }, { '!', "!=" },
    };

    for (size_t i = 0; i < SLIM_COUNT(signs); i++)
        if (signs[i].op == op)
            return signs[i].sign;
    return "?";
}

static void put(struct slim_text *out, const struct slim_formula *formula,
                int least)
{
    int own = strength(formula->op);

    if (formula->op == 0) {
        slim_text_puts(out, formula->text);
        return;
    }
    if (own < least)
        slim_text_puts(out, "(");
    put(out, formula->left, own);
    slim_text_printf(out, " %s ", slim_formula_sign(formula->op));
    /* a - (b - c) needs its brackets */
    put(out, formula->right, own + 1);
    if (own < least)
        slim_text_puts(out, ")");
}

void slim_formula_print(struct slim_text *out,
                        const struct slim_formula *formula)
{
    put(out, formula, 1);
}
