# lang: text to tree

noinst_LIBRARIES += %D%/liblang.a %D%/libgrammar.a

%C%_liblang_a_SOURCES = \
    %D%/ast.c \
    %D%/copy.c \
    %D%/expect.c \
    %D%/fix.c \
    %D%/literal.c \
    %D%/parse.c \
    %D%/print.c \
    %D%/token.c

# Made by Flex and Bison: without our warnings. `make` needs grammar.h early.
%C%_libgrammar_a_CFLAGS = $(SLIM_PLAIN_CFLAGS)
%C%_libgrammar_a_SOURCES = \
    %D%/grammar.y \
    %D%/scan.l
BUILT_SOURCES += %D%/grammar.h

EXTRA_DIST += %D%/README.md
