# base: no idea of recipes or tensors

noinst_LIBRARIES += %D%/libbase.a

# Only base/share.c asks where things are installed, and where they came from.
%C%_libbase_a_CPPFLAGS = $(AM_CPPFLAGS) \
    -DSLIM_PKGDATADIR='"$(pkgdatadir)"' \
    -DSLIM_SOURCE_DIR='"$(abs_top_srcdir)"'

%C%_libbase_a_SOURCES = \
    %D%/arena.c \
    %D%/arena.h \
    %D%/attr.h \
    %D%/diag.c \
    %D%/diag.h \
    %D%/diag_json.c \
    %D%/diag_print.c \
    %D%/diag_sort.c \
    %D%/diag_sort.h \
    %D%/directory.c \
    %D%/file.c \
    %D%/file.h \
    %D%/file_error.h \
    %D%/hash.c \
    %D%/hash.h \
    %D%/interrupt.c \
    %D%/json.c \
    %D%/json.h \
    %D%/number.c \
    %D%/progress.c \
    %D%/progress.h \
    %D%/random.c \
    %D%/random.h \
    %D%/share.c \
    %D%/size.h \
    %D%/text.c \
    %D%/text.h \
    %D%/writer.c \
    %D%/yaml.c \
    %D%/yaml.h \
    %D%/yaml_value.c
