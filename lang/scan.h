/* scan.h - the scanner as the token filter sees it; private to lang/ */
#ifndef SLIM_SCAN_H
#define SLIM_SCAN_H

#include "lang/parser.h"

#include "lang/grammar.h"

/* What the scanner sees and the grammar never does. */
enum { SCAN_NEWLINE = 10001, SCAN_COMMENT };

void slim_lex_open(struct slim_parser *parser);
void slim_lex_close(struct slim_parser *parser);
int slim_scan(SLIM_YYSTYPE *value, SLIM_YYLTYPE *where, void *scanner);
/* From here to the next token, `<` may open the name of a library. */
void slim_scan_library(void *scanner);

/* The next token of the grammar: what a word or a newline is depends on where
 * it stands, and that is decided here. */
int slim_token_next(SLIM_YYSTYPE *value, SLIM_YYLTYPE *where,
                    struct slim_parser *parser);

#endif
