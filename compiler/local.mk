# compiler: tree to IR; ir is what the runtime sees of it

noinst_LIBRARIES += %D%/ir/libir.a %D%/libcompiler.a

%C%_ir_libir_a_SOURCES = \
    %D%/ir/block.c \
    %D%/ir/checkpoint.c \
    %D%/ir/dtype.c \
    %D%/ir/fact.c \
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
dist_families_DATA =
