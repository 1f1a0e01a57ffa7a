/* registry.c - the table of verbs that the compiler is handed */
#include "runtime/stage/stages.h"

const struct slim_stage *const slim_stages[] = {
#define SLIM_STAGE(name) &slim_stage_##name,
#include "runtime/stage/stages.def"
#undef SLIM_STAGE
    NULL,
};
