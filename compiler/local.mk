# compiler: tree to IR; ir is what the runtime sees of it

noinst_LIBRARIES += %D%/ir/libir.a %D%/libcompiler.a

%C%_ir_libir_a_SOURCES =

%C%_libcompiler_a_SOURCES =

familiesdir = $(pkgdatadir)/families
dist_families_DATA =
