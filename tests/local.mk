# tests: a program or script a line. C programs are cmocka and speak TAP; a
# .sh passes, fails or skips (77) as a whole; a .tap counts each check.

check_LIBRARIES += %D%/libsupport.a

%C%_libsupport_a_CPPFLAGS = $(AM_CPPFLAGS) \
    -DSLIM_TEST_SOURCE='"$(abs_top_srcdir)"' \
    -DSLIM_TEST_BUILD='"$(abs_top_builddir)"'
%C%_libsupport_a_SOURCES = \
    %D%/compile_support.c \
    %D%/fuzz/place.c \
    %D%/kernel_cases.c \
    %D%/kernel_cases_attention.c \
    %D%/kinds.c \
    %D%/lang_support.c \
    %D%/made.c \
    %D%/oracle.c \
    %D%/oracle_prune.c \
    %D%/oracle_run.c \
    %D%/oracle_slice.c \
    %D%/place.c \
    %D%/session.c \
    %D%/support.c \
    %D%/tiny.c \
    %D%/toy.c

# Each is FOLDER/NAME of FOLDER/NAME.c, sorted.
slim_tests = \
    %D%/conformance/bf16 \
    %D%/conformance/data \
    %D%/conformance/model \
    %D%/conformance/model_real \
    %D%/conformance/oracles \
    %D%/conformance/rotate_families \
    %D%/conformance/saved \
    %D%/conformance/tokenizer \
    %D%/property/compiler_ir \
    %D%/property/families \
    %D%/property/families_fused \
    %D%/property/families_saved \
    %D%/property/kernel_eigen \
    %D%/property/kernel_gradient \
    %D%/property/kernel_identities \
    %D%/property/lang_roundtrip \
    %D%/property/model_adapter \
    %D%/property/model_decode \
    %D%/property/model_gradient \
    %D%/property/model_identity \
    %D%/property/model_slopes \
    %D%/property/slice \
    %D%/property/prune \
    %D%/unit/base_arena \
    %D%/unit/base_array \
    %D%/unit/base_diag \
    %D%/unit/base_file \
    %D%/unit/base_hash \
    %D%/unit/base_json \
    %D%/unit/base_progress \
    %D%/unit/base_random \
    %D%/unit/base_text \
    %D%/unit/base_yaml \
    %D%/unit/checkpoint \
    %D%/unit/cli \
    %D%/unit/companion \
    %D%/unit/compiler_program \
    %D%/unit/compiler_refuse \
    %D%/unit/compiler_sweep \
    %D%/unit/data \
    %D%/unit/family \
    %D%/unit/family_examined \
    %D%/unit/family_keys \
    %D%/unit/family_model \
    %D%/unit/family_published \
    %D%/unit/family_variants \
    %D%/unit/groups \
    %D%/unit/kernel_bf16 \
    %D%/unit/kernel_blas \
    %D%/unit/kernel_corename \
    %D%/unit/kernel_threads \
    %D%/unit/lang_doc \
    %D%/unit/lang_fix \
    %D%/unit/lang_parse \
    %D%/unit/lang_print \
    %D%/unit/lang_refuse \
    %D%/unit/model_buffer \
    %D%/unit/model_read \
    %D%/unit/nearest \
    %D%/unit/no_memory \
    %D%/unit/paces \
    %D%/unit/profile \
    %D%/unit/prune_count \
    %D%/unit/rates \
    %D%/unit/report \
    %D%/unit/rope \
    %D%/unit/safetensors \
    %D%/unit/score_terms \
    %D%/unit/shape \
    %D%/unit/spectrum \
    %D%/unit/store \
    %D%/unit/support \
    %D%/unit/tokenizer \
    %D%/unit/tokenizer_spm \
    %D%/unit/tokenizer_unigram \
    %D%/unit/train_tape

# Scripts that print TAP (.tap) or only pass, fail or skip (.sh), sorted.
slim_scripts = \
    %D%/bad_data.tap \
    %D%/bad_model.tap \
    %D%/bad_output.tap \
    %D%/bad_recipe.tap \
    %D%/bad_stop.tap \
    %D%/completion.tap \
    %D%/diff.tap \
    %D%/doc_console.tap \
    %D%/doc_errors.tap \
    %D%/doc_files.tap \
    %D%/doc_man.tap \
    %D%/golden.tap \
    %D%/json.tap \
    %D%/layers.sh \
    %D%/memory.tap \
    %D%/names.sh \
    %D%/oracles.tap \
    %D%/recipes.tap \
    %D%/same_bytes.tap \
    %D%/spill.tap \
    %D%/store.tap \
    %D%/store_activations.tap \
    %D%/store_kill.tap \
    %D%/sweep.tap

# What `make golden-update` runs.
SLIM_GOLDEN_TESTS = %D%/golden.tap

# Each is the harness of fuzz/NAME.c, with seeds in fuzz/corpus/NAME. `make
# check` replays the seeds with plain_driver.c; `make fuzz` runs libFuzzer.
slim_fuzzers = \
    %D%/fuzz/compile \
    %D%/fuzz/config \
    %D%/fuzz/family \
    %D%/fuzz/ir \
    %D%/fuzz/json \
    %D%/fuzz/jsonl \
    %D%/fuzz/merges \
    %D%/fuzz/recipe \
    %D%/fuzz/safetensors \
    %D%/fuzz/sentencepiece \
    %D%/fuzz/tokenizer \
    %D%/fuzz/yaml

# Each prints its measurements; `make bench` runs them.
slim_benches = \
    %D%/bench/kernels \
    %D%/bench/layer \
    %D%/bench/tokenizer

slim_bench_scripts = \
    %D%/bench/stages.sh \
    %D%/bench/sweep.sh

# Data that tests read, by folder or file.
EXTRA_DIST += %D%/tap-run %D%/bad.sh %D%/conformance/fixtures %D%/families \
    $(slim_bench_scripts)

EXTRA_PROGRAMS = $(slim_benches) %D%/interop/logits
check_PROGRAMS += $(slim_tests) $(slim_fuzzers) %D%/lang_dump
dist_check_SCRIPTS = $(slim_scripts)

LDADD = %D%/libsupport.a $(slim_archives) $(CMOCKA_LIBS) $(slim_libs)

# Our own calls, not those of libraries.
%C%_unit_no_memory_LDFLAGS = $(AM_LDFLAGS) \
    -Wl,--wrap=malloc -Wl,--wrap=calloc

if FUZZERS
AM_LDFLAGS += $(SLIM_FUZZ_LDFLAGS)
else
%C%_libsupport_a_SOURCES += %D%/fuzz/plain_driver.c
endif

TESTS = $(slim_tests) $(slim_fuzzers) $(slim_scripts)
TEST_EXTENSIONS = .sh .tap
SLIM_TAP_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) \
    $(top_srcdir)/build-aux/tap-driver.sh
LOG_DRIVER = $(SLIM_TAP_DRIVER)
LOG_COMPILER = $(SHELL) $(srcdir)/%D%/tap-run
TAP_LOG_DRIVER = $(SLIM_TAP_DRIVER)
TAP_LOG_COMPILER = $(SHELL) $(srcdir)/%D%/tap-run $(SHELL)
SH_LOG_COMPILER = $(SHELL)

# SLIMC_SHARE makes sure that what is tested is this tree's, not an older
# slimc's that happens to be installed.
AM_TESTS_ENVIRONMENT = \
    CMOCKA_MESSAGE_OUTPUT=TAP; export CMOCKA_MESSAGE_OUTPUT; \
    SLIMC_SHARE='$(abs_top_builddir)/share'; export SLIMC_SHARE; \
    SLIMC='$(abs_top_builddir)/slimc$(EXEEXT)'; export SLIMC; \
    srcdir='$(abs_top_srcdir)'; export srcdir; \
    builddir='$(abs_top_builddir)'; export builddir; \
    OMP_WAIT_POLICY=passive; export OMP_WAIT_POLICY; \
    SLIMC_STORE=none; export SLIMC_STORE; \
    unset SLIMC_FAIL_WRITE SLIMC_STOP_WRITE SLIMC_DATA;

# The four kinds of slim_share_directory, as links into the source tree.
check-local-share:
	$(AM_V_at)$(MKDIR_P) share && cd share && \
	    for pair in families:compiler/families data:runtime/data/sets \
	        recipes:recipes python:runtime/format/python; do \
	        rm -f $${pair%%:*}; \
	        $(LN_S) '$(abs_top_srcdir)'/$${pair#*:} $${pair%%:*}; \
	    done
.PHONY: check-local-share

# Everything of ../shared/oracles, the real model's too: an hour.
check-oracles: %D%/conformance/oracles$(EXEEXT) check-local-share
	@$(AM_TESTS_ENVIRONMENT) ./$< all
.PHONY: check-oracles

# Scripts run the program itself.
check_DATA = slimc$(EXEEXT) check-local-share
