# cli: main, and one file a command

bin_PROGRAMS += slimc

slimc_CFLAGS = $(AM_CFLAGS) $(OPENMP_CFLAGS)
slimc_LDADD = $(slim_archives) $(slim_libs)

slimc_SOURCES = \
    %D%/bench.c \
    %D%/budget.c \
    %D%/cache.c \
    %D%/check.c \
    %D%/command.c \
    %D%/completion.c \
    %D%/diff.c \
    %D%/embed.c \
    %D%/explain.c \
    %D%/family.c \
    %D%/help.c \
    %D%/main.c \
    %D%/ops.c \
    %D%/ops_man.c \
    %D%/parse.c \
    %D%/plan.c \
    %D%/project.c \
    %D%/report.c \
    %D%/results.c \
    %D%/rewrite.c \
    %D%/run.c \
    %D%/show.c \
    %D%/synth.c \
    %D%/tables.c \
    %D%/verify.c
