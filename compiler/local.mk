# compiler: tree to IR; ir is what the runtime sees of it

noinst_LIBRARIES += %D%/ir/libir.a %D%/libcompiler.a

%C%_ir_libir_a_SOURCES = \
    %D%/ir/arch_bind.c \
    %D%/ir/arch_build.c \
    %D%/ir/arch_json.c \
    %D%/ir/arch_open.c \
    %D%/ir/block.c \
    %D%/ir/checkpoint.c \
    %D%/ir/dtype.c \
    %D%/ir/fact.c \
    %D%/ir/family.c \
    %D%/ir/family.h \
    %D%/ir/family_block.c \
    %D%/ir/family_config.c \
    %D%/ir/family_dim.c \
    %D%/ir/family_eval.c \
    %D%/ir/family_expr.h \
    %D%/ir/family_flow.c \
    %D%/ir/family_load.c \
    %D%/ir/family_parse.c \
    %D%/ir/family_tensor.c \
    %D%/ir/formula.c \
    %D%/ir/groups.c \
    %D%/ir/header.c \
    %D%/ir/macs.c \
    %D%/ir/param.c \
    %D%/ir/shape.c \
    %D%/ir/stage.c \
    %D%/ir/where.c

%C%_libcompiler_a_SOURCES =

familiesdir = $(pkgdatadir)/families
dist_families_DATA = \
    %D%/families/llama.yaml \
    %D%/families/mistral.yaml \
    %D%/families/qwen2.yaml
