# runtime: IR to numbers. tensor/ and kernel/ are the numeric library; the
# rest uses it.

noinst_LIBRARIES += %D%/libkernel.a %D%/libruntime.a %D%/libspm.a

# No kernel looks at errno or at floating-point exceptions; the results are the
# same without them, and loops with sqrt and comparisons become vectors.
%C%_libkernel_a_CFLAGS = $(AM_CFLAGS) -O3 $(OPENMP_CFLAGS) -fno-math-errno \
    -fno-trapping-math
%C%_libkernel_a_SOURCES = \
    %D%/kernel/bf16.c \
    %D%/kernel/bf16.h \
    %D%/kernel/bf16_amx.c \
    %D%/kernel/bf16_amx.h \
    %D%/kernel/bf16_attention.c \
    %D%/kernel/bf16_attention_grad.c \
    %D%/kernel/bf16_linear.c \
    %D%/kernel/bf16_pack.c \
    %D%/kernel/bf16_product.c \
    %D%/kernel/bf16_product.h \
    %D%/kernel/bf16_strip.c \
    %D%/kernel/bf16_strip.h \
    %D%/kernel/blas.c \
    %D%/kernel/blas.h \
    %D%/kernel/blas_activation.c \
    %D%/kernel/blas_attention.c \
    %D%/kernel/blas_attention.h \
    %D%/kernel/blas_attention_grad.c \
    %D%/kernel/blas_attention_meet.c \
    %D%/kernel/blas_attention_step.c \
    %D%/kernel/blas_center.c \
    %D%/kernel/blas_columns.c \
    %D%/kernel/blas_combine.c \
    %D%/kernel/blas_gram.c \
    %D%/kernel/blas_linear.c \
    %D%/kernel/blas_lora.c \
    %D%/kernel/blas_loss.c \
    %D%/kernel/blas_norm.c \
    %D%/kernel/blas_rope.c \
    %D%/kernel/blas_train.c \
    %D%/kernel/blas_vector.c \
    %D%/kernel/counted.c \
    %D%/kernel/corename.c \
    %D%/kernel/corename.h \
    %D%/kernel/eigen.c \
    %D%/kernel/kernel.h \
    %D%/kernel/parallel.h \
    %D%/kernel/ref.c \
    %D%/kernel/ref.h \
    %D%/kernel/ref_activation.c \
    %D%/kernel/ref_attention.c \
    %D%/kernel/ref_center.c \
    %D%/kernel/ref_combine.c \
    %D%/kernel/ref_embed.c \
    %D%/kernel/ref_gram.c \
    %D%/kernel/ref_linear.c \
    %D%/kernel/ref_lora.c \
    %D%/kernel/ref_loss.c \
    %D%/kernel/ref_norm.c \
    %D%/kernel/ref_rope.c \
    %D%/kernel/ref_train.c \
    %D%/kernel/scratch.c \
    %D%/kernel/scratch.h \
    %D%/kernel/threads.c \
    %D%/kernel/vector.h

%C%_libruntime_a_CFLAGS = $(AM_CFLAGS) $(OPENMP_CFLAGS)
%C%_libruntime_a_SOURCES = \
    %D%/data/added.c \
    %D%/data/bpe.c \
    %D%/data/bpe_read.c \
    %D%/data/check.c \
    %D%/data/find.c \
    %D%/data/normalize.c \
    %D%/data/precompiled.c \
    %D%/data/records.c \
    %D%/data/regex.c \
    %D%/data/rows.c \
    %D%/data/set.c \
    %D%/data/split.c \
    %D%/data/spm_normalize.c \
    %D%/data/spm_read.c \
    %D%/data/template.c \
    %D%/data/tokenizer.c \
    %D%/data/tokenizer_files.c \
    %D%/data/tokenizer_json.c \
    %D%/data/tokenizer_open.c \
    %D%/data/tokens.c \
    %D%/data/trie.c \
    %D%/data/unigram.c \
    %D%/data/unigram_read.c \
    %D%/format/adapter.c \
    %D%/format/companion.c \
    %D%/format/convert.c \
    %D%/format/export.c \
    %D%/format/place.c \
    %D%/format/remote.c \
    %D%/format/safetensors.c \
    %D%/format/spectrum.c \
    %D%/format/synth.c \
    %D%/limits.c \
    %D%/limits.h \
    %D%/model/block_add.c \
    %D%/model/block_attention.c \
    %D%/model/block_embedding.c \
    %D%/model/block_head.c \
    %D%/model/block_mlp.c \
    %D%/model/block_norm.c \
    %D%/model/buffer.c \
    %D%/model/decode.c \
    %D%/model/decode.h \
    %D%/model/gradients.c \
    %D%/model/keep.c \
    %D%/model/memory.c \
    %D%/model/layer.c \
    %D%/model/linear.c \
    %D%/model/model.c \
    %D%/model/packs.c \
    %D%/model/pass.c \
    %D%/model/prefix.c \
    %D%/model/read.c \
    %D%/model/read_narrow.c \
    %D%/model/rope.c \
    %D%/model/step.c \
    %D%/model/tape.c \
    %D%/model/weights.c \
    %D%/paces.c \
    %D%/points.c \
    %D%/points_gate.c \
    %D%/rates.c \
    %D%/record.c \
    %D%/report.c \
    %D%/run.c \
    %D%/stage/absorb.c \
    %D%/stage/assert.c \
    %D%/stage/basis.c \
    %D%/stage/discover.c \
    %D%/stage/input.c \
    %D%/stage/keep.c \
    %D%/stage/measure.c \
    %D%/stage/prune.c \
    %D%/stage/prune.h \
    %D%/stage/prune_count.c \
    %D%/stage/prune_run.c \
    %D%/stage/prune_scope.c \
    %D%/stage/prune_select.c \
    %D%/stage/recover.c \
    %D%/stage/registry.c \
    %D%/stage/rotate.c \
    %D%/stage/rotate_block.c \
    %D%/stage/rotate_model.c \
    %D%/stage/sample.c \
    %D%/stage/save.c \
    %D%/stage/score.c \
    %D%/stage/score.h \
    %D%/stage/score_random.c \
    %D%/stage/score_taylor.c \
    %D%/stage/score_terms.c \
    %D%/stage/score_weights.c \
    %D%/stage/slice.c \
    %D%/stage/stages.h \
    %D%/stage/speed.c \
    %D%/stage/speed.h \
    %D%/stage/units.c \
    %D%/stage/units.h \
    %D%/stage/walk.c \
    %D%/stage/walk.h \
    %D%/store/codec.h \
    %D%/store/codec_adapter.c \
    %D%/store/codec_model.c \
    %D%/store/codec_tokens.c \
    %D%/store/codecs.c \
    %D%/store/entry.c \
    %D%/store/activations.c \
    %D%/store/activations.h \
    %D%/store/activations_plan.c \
    %D%/store/causes.c \
    %D%/store/causes.h \
    %D%/store/files.c \
    %D%/store/gc.c \
    %D%/store/gc.h \
    %D%/store/journal.c \
    %D%/store/journal.h \
    %D%/store/lock.c \
    %D%/store/memo.c \
    %D%/store/nearest.c \
    %D%/store/memo.h \
    %D%/store/object.c \
    %D%/store/ledger.c \
    %D%/store/ledger.h \
    %D%/store/ledger_points.c \
    %D%/store/promise.c \
    %D%/store/store.c \
    %D%/store/store.h \
    %D%/store/tree.c \
    %D%/train/batch.c \
    %D%/train/lora.c \
    %D%/train/schedule.c \
    %D%/train/trainer.c

# Made by protoc-c: without our warnings. `make` needs its header early.
%C%_libspm_a_CFLAGS = $(SLIM_PLAIN_CFLAGS)
nodist_%C%_libspm_a_SOURCES = %D%/data/sentencepiece.pb-c.c
BUILT_SOURCES += %D%/data/sentencepiece.pb-c.h
CLEANFILES += %D%/data/sentencepiece.pb-c.c %D%/data/sentencepiece.pb-c.h

%D%/data/sentencepiece.pb-c.c: %D%/data/sentencepiece.proto
	$(AM_V_GEN)$(MKDIR_P) %D%/data && $(PROTOC_C) \
	    --proto_path='$(srcdir)/%D%/data' --c_out=%D%/data \
	    sentencepiece.proto
%D%/data/sentencepiece.pb-c.h: %D%/data/sentencepiece.pb-c.c

EXTRA_DIST += %D%/data/sentencepiece.proto %D%/data/sets/README.md

setsdir = $(pkgdatadir)/data
dist_sets_DATA = \
    %D%/data/sets/alpaca.yaml \
    %D%/data/sets/bookcorpus.yaml \
    %D%/data/sets/c4.yaml \
    %D%/data/sets/ptb.yaml \
    %D%/data/sets/wikitext2.yaml

slimpythondir = $(pkgdatadir)/python
dist_slimpython_DATA = \
    %D%/format/python/configuration_slimc.py \
    %D%/format/python/modeling_slimc.py
