# tools: what developers run; each target prints what it found

SLIM_C_FOLDERS = base lang compiler runtime report cli
SLIM_FIND_C = cd $(srcdir) && find $(SLIM_C_FOLDERS) -name '*.c' | sort
SLIM_FIND_ALL = cd $(srcdir) && find $(SLIM_C_FOLDERS) tests -name '*.[ch]' | sort
SLIM_HERE = $(abs_top_srcdir)
FUZZ_SECONDS = 60

# Makes and configures a second tree: the folder, then what configure takes.
SLIM_SUBTREE = $(SHELL) $(SLIM_HERE)/tools/subtree

check-asan:
	$(SLIM_SUBTREE) $@-tree --enable-sanitizers --enable-werror CFLAGS='-O1 -g'
	cd $@-tree && SLIM_QUICK=yes $(MAKE) $(AM_MAKEFLAGS) check

fuzz:
	$(SLIM_SUBTREE) $@-tree --enable-fuzzers CC=clang CFLAGS='-O1 -g'
	cd $@-tree && $(MAKE) $(AM_MAKEFLAGS) fuzzers
	cd $@-tree && for harness in $(slim_fuzzers); do \
	    $(SHELL) $(SLIM_HERE)/tools/fuzz-one $$harness \
	        $(FUZZ_SECONDS) || exit 1; \
	done

# A second make, so that lang/grammar.h is there before anything is compiled.
fuzzers: $(BUILT_SOURCES)
	$(MAKE) $(AM_MAKEFLAGS) $(slim_fuzzers)

bench: $(BUILT_SOURCES)
	$(MAKE) $(AM_MAKEFLAGS) $(slim_benches) slimc$(EXEEXT)
	@for bench in $(slim_benches); do \
	    srcdir='$(srcdir)' ./$$bench $$(basename $$bench).json || exit 1; \
	done
	@for bench in $(slim_bench_scripts); do \
	    srcdir='$(srcdir)' $(SHELL) $(srcdir)/$$bench \
	        $$(basename $$bench .sh).json || exit 1; \
	done

coverage:
	$(SLIM_SUBTREE) $@-tree --enable-coverage CFLAGS='-O0 -g'
	cd $@-tree && $(MAKE) $(AM_MAKEFLAGS) check
	top=$$(cd $(srcdir) && pwd) && gcovr --root "$$top" \
	    --object-directory $@-tree --exclude '.*/grammar\.[cy]' \
	    --exclude '.*/scan\.[cl]' $(SLIM_C_FOLDERS:%=--filter "$$top"/%/) \
	    $@-tree

lint: lint-layers lint-names lint-cppcheck lint-tidy

lint-layers:
	@cd $(srcdir) && find $(SLIM_C_FOLDERS) -name '*.[chly]' \
	    -exec $(AWK) -f tools/layers.awk {} +

lint-names:
	@cd $(srcdir) && $(AWK) -f tools/names.awk compiler/families/*.yaml \
	    tests/families/*.yaml $$(find $(SLIM_C_FOLDERS) -name '*.[chly]' \
	    -o -name '*.def' -o -name '*.py' -o -name '*.proto')

lint-cppcheck:
	@cd $(srcdir) && cppcheck --quiet --std=c11 --error-exitcode=1 \
	    --enable=warning,performance,portability --inline-suppr \
	    --suppress=missingIncludeSystem --suppress=invalidFunctionArg -I. $(SLIM_C_FOLDERS)

lint-tidy: $(BUILT_SOURCES)
	@$(SLIM_FIND_C) | xargs -P 2 -n 4 sh -c 'exec clang-tidy --quiet "$$@" \
	    -- -std=c11 -fopenmp $(DEFS) $(AM_CPPFLAGS) -I$(abs_top_srcdir) \
	    -I$(abs_top_builddir) -DSLIM_PKGDATADIR="\"\"" \
	    -DSLIM_SOURCE_DIR="\"\""' tidy

format:
	@$(SLIM_FIND_ALL) | xargs clang-format -i

format-check:
	@$(SLIM_FIND_ALL) | xargs clang-format --dry-run --Werror

# Rewrites what the golden tests expect; look at the difference.
golden-update: $(BUILT_SOURCES)
	$(MAKE) $(AM_MAKEFLAGS) $(check_PROGRAMS) slimc$(EXEEXT) check-local-share
	GOLDEN_UPDATE=1 SLIMC_STORE=none srcdir='$(SLIM_HERE)' builddir='$(abs_top_builddir)' \
	    SLIMC_SHARE='$(abs_top_builddir)/share' \
	    $(SHELL) $(srcdir)/tests/golden.tap

clean-local:
	rm -rf check-asan-tree fuzz-tree coverage-tree share

.PHONY: check-asan fuzz fuzzers bench coverage lint lint-layers \
    lint-names lint-cppcheck lint-tidy format format-check golden-update

# Saved models in transformers, in virtual environments under the build tree.
interop: slimc$(EXEEXT) tests/interop/logits$(EXEEXT)
	$(SHELL) $(srcdir)/tests/interop/run.sh .

.PHONY: interop
