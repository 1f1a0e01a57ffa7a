/* stages.h - every verb's row, declared from the table */
#ifndef SLIM_STAGES_H
#define SLIM_STAGES_H

#include "compiler/ir/stage.h"

#define SLIM_STAGE(name) extern const struct slim_stage slim_stage_##name;
#include "runtime/stage/stages.def"
#undef SLIM_STAGE

#endif
