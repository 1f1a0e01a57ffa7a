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
    %D%/file.h \
    %D%/hash.h \
    %D%/json.h \
    %D%/number.c \
    %D%/progress.h \
    %D%/random.h \
    %D%/size.h \
    %D%/text.c \
    %D%/text.h \
    %D%/yaml.h
