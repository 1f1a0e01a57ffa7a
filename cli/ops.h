/* ops.h - printing a verb's row */
#ifndef SLIM_OPS_H
#define SLIM_OPS_H

#include "cli/cli.h"

struct slim_text;
void slim_ops_print(const struct slim_stage *stage, FILE *out);
/* "prune N%|to N of params .. [name=value ..]", a line */
void slim_ops_synopsis(const struct slim_stage *stage, FILE *out);
void slim_ops_print_man(const struct slim_stage *stage, FILE *out);
void slim_ops_print_json(const struct slim_stage *stage, FILE *out);
/* "whole number from 1 to 64", "random|first" */
void slim_param_domain(const struct slim_param *param, struct slim_text *out);
int slim_ops_unknown(struct slim_cli *cli, const char *word);

#endif
