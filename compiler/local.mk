# compiler: tree to IR; ir is what the runtime sees of it

noinst_LIBRARIES += %D%/ir/libir.a %D%/libcompiler.a

%C%_ir_libir_a_SOURCES = \
    %D%/ir/arch_bind.c \
    %D%/ir/arch_build.c \
    %D%/ir/arch_json.c \
    %D%/ir/arch_open.c \
    %D%/ir/arch_sites.c \
    %D%/ir/block.c \
    %D%/ir/checkpoint.c \
    %D%/ir/compute.c \
    %D%/ir/describe.c \
    %D%/ir/describe.h \
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
    %D%/ir/family_names.c \
    %D%/ir/family_order.c \
    %D%/ir/family_parse.c \
    %D%/ir/family_tensor.c \
    %D%/ir/formula.c \
    %D%/ir/groups.c \
    %D%/ir/header.c \
    %D%/ir/macs.c \
    %D%/ir/param.c \
    %D%/ir/print.c \
    %D%/ir/read.c \
    %D%/ir/read_clause.c \
    %D%/ir/read_point.c \
    %D%/ir/reader.c \
    %D%/ir/shape.c \
    %D%/ir/shape_sizes.c \
    %D%/ir/slopes.c \
    %D%/ir/stage.c \
    %D%/ir/verify.c \
    %D%/ir/where.c

%C%_libcompiler_a_SOURCES = \
    %D%/compare.c \
    %D%/compile.c \
    %D%/draft.c \
    %D%/limits.c \
    %D%/lower_amount.c \
    %D%/lower_args.c \
    %D%/lower_data.c \
    %D%/lower_formula.c \
    %D%/lower_path.c \
    %D%/lower_scope.c \
    %D%/lower_swept.c \
    %D%/lower_verb.c \
    %D%/normalise.c \
    %D%/pass_constants.c \
    %D%/pass_data.c \
    %D%/pass_effects.c \
    %D%/pass_facts.c \
    %D%/pass_fuse.c \
    %D%/pass_growth.c \
    %D%/pass_include.c \
    %D%/pass_lower.c \
    %D%/pass_resolve.c \
    %D%/pass_scope.c \
    %D%/pass_sweep.c \
    %D%/plan_json.c \
    %D%/plan_print.c \
    %D%/plan_shapes.c \
    %D%/plan_sweep.c \
    %D%/points.c \
    %D%/suggest.c \
    %D%/tally.c

familiesdir = $(pkgdatadir)/families
dist_families_DATA = \
    %D%/families/baichuan.yaml \
    %D%/families/bloom.yaml \
    %D%/families/chatglm.yaml \
    %D%/families/gemma.yaml \
    %D%/families/llama.yaml \
    %D%/families/mistral.yaml \
    %D%/families/opt.yaml \
    %D%/families/opt_post_norm.yaml \
    %D%/families/phi.yaml \
    %D%/families/phi3.yaml \
    %D%/families/qwen2.yaml
