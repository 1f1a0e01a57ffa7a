# lang: text to tree

noinst_LIBRARIES += %D%/liblang.a %D%/libgrammar.a

%C%_liblang_a_SOURCES = \
    %D%/ast.h \
    %D%/parse.h

# Made by Flex and Bison: without our warnings. `make` needs grammar.h early.
%C%_libgrammar_a_CFLAGS = $(SLIM_PLAIN_CFLAGS)
%C%_libgrammar_a_SOURCES =
