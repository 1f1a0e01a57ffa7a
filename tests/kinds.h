/* kinds.h - a small model of every family, with numbers off trivial values */
#ifndef SLIM_TEST_KINDS_H
#define SLIM_TEST_KINDS_H

#include "runtime/model/model.h"

enum { SLIM_KIND_WINDOWS = 2, SLIM_KIND_LENGTH = 9 };

/* A family file, and the inside of a config.json. */
struct slim_kind {
    const char *name, *file, *config;
};
extern const struct slim_kind slim_kinds[];
extern const size_t slim_kind_count;

struct slim_kind_world {
    struct slim_arena *arena;
    struct slim_diag diag;
    const char *name;
    struct slim_model_info *info;
    struct slim_model *model;
    size_t vocab;
    int32_t ids[SLIM_KIND_WINDOWS * SLIM_KIND_LENGTH];
    float **grads; /* by tensor->index, in the arena */
};

/* The model of that kind, or as another file describes it. */
void slim_kind_open(struct slim_kind_world *world,
                    const struct slim_kind *kind);
void slim_kind_open_file(struct slim_kind_world *world,
                         const struct slim_kind *kind, const char *family);
void slim_kind_close(struct slim_kind_world *world);

/* Fails the test with what was said. */
void slim_kind_check(struct slim_kind_world *world, enum slim_status status);

/* Logits of the ids, [windows * length, vocab], in the arena; and how far those
 * of two models are apart, in standard deviations. */
float *slim_kind_logits(struct slim_kind_world *world,
                        struct slim_model *model);
double slim_kind_apart(struct slim_kind_world *world, struct slim_model *a,
                       struct slim_model *b);

#endif
