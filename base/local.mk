# base: no idea of recipes or tensors

noinst_LIBRARIES += %D%/libbase.a

# Only base/share.c asks where things are installed, and where they came from.
%C%_libbase_a_CPPFLAGS = $(AM_CPPFLAGS) \
    -DSLIM_PKGDATADIR='"$(pkgdatadir)"' \
    -DSLIM_SOURCE_DIR='"$(abs_top_srcdir)"'

%C%_libbase_a_SOURCES = \
    %D%/arena.c \
    %D%/array.c \
    %D%/diag.c \
    %D%/diag_json.c \
    %D%/diag_print.c \
    %D%/diag_sort.c \
    %D%/directory.c \
    %D%/file.c \
    %D%/hash.c \
    %D%/interrupt.c \
    %D%/json.c \
    %D%/number.c \
    %D%/progress.c \
    %D%/random.c \
    %D%/share.c \
    %D%/spawn.c \
    %D%/spill.c \
    %D%/text.c \
    %D%/trace.c \
    %D%/work.c \
    %D%/writer.c \
    %D%/yaml.c \
    %D%/yaml_value.c
