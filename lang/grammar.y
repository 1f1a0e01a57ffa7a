/* grammar.y - words to a tree; builds it and recovers from errors, no more */

%require "3.8"
%expect 0
%define api.pure full
%define api.prefix {slim_yy}
%define api.value.union.name slim_token
%define api.location.type {struct slim_span}
%define parse.lac full
%define parse.error custom
%locations
%param {struct slim_parser *parser}

%code requires {
#include "lang/parser.h"
}

%code {
#include "lang/scan.h"

#define YYLLOC_DEFAULT(span, rhs, count)                                       \
    do {                                                                       \
        if (count) {                                                           \
            (span) = slim_span_join(YYRHSLOC(rhs, 1), YYRHSLOC(rhs, count));   \
        } else {                                                               \
            (span) = YYRHSLOC(rhs, 0);                                         \
            (span).begin = (span).end;                                         \
        }                                                                      \
    } while (0)

static int yylex(SLIM_YYSTYPE *value, SLIM_YYLTYPE *where,
                 struct slim_parser *parser);
static void yyerror(const SLIM_YYLTYPE *where, struct slim_parser *parser,
                    const char *reason);
}

%union {
    struct slim_value *value;
    struct slim_amount *amount;
    struct slim_range *range;
    struct slim_case *cases;
    struct slim_scope *scope;
    struct slim_arg *arg;
    struct slim_expr *expr;
    struct slim_stmt *stmt;
    char op;
}

%token OPEN_RECIPE OPEN_VALUE OPEN_CASES
%token END
/* A comma before what may be the next statement. */
%token COMMA_WORD
%token <value> NUMBER PERCENT RATIO STRING VAR NAME LIBRARY_NAME
/* A name that `=` follows. */
%token <value> ARG
/* First words of statements; elsewhere they are names like any other. */
%token <value> SLIM INCLUDE LET DATA SWEEP COMPUTE MEASURE ASSERT SAVE KEEP
/* Words inside statements; first in a statement they are names. */
%token <value> ON IN EXCEPT AS OF TO LAYERS ELSE WARN STEP
%token LESS_EQUAL GREATER_EQUAL EQUAL NOT_EQUAL DOTS
%token ASSIGN COMMA CLOSE

%type <value> literal quantity value name word metrics source method integer
%type <value> axes values bound
%type <cases> case cases
%type <amount> amount
%type <range> range ranges
%type <scope> scope scope_item
%type <arg> arg
%type <expr> assertion sum term atom
%type <stmt> item stage save_item data_item
%type <op> comparison

/* `measure a, b`, `sweep m = a, b`: the comma goes on with the list. */
%precedence METRICS
%precedence COMMA_WORD

%%

start
    : OPEN_RECIPE recipe
    | OPEN_VALUE value END      { parser->value = $value; }
    | OPEN_CASES cases END      { parser->cases = slim_cases_turn($cases); }
    ;

recipe /* after an error, at the next separator */
    : %empty
    | recipe END
    | recipe item END           { slim_stmt_close(parser, $item); }
    | recipe item COMMA_WORD    {
        slim_stmt_close(parser, $item);
        slim_parser_comma(parser, @COMMA_WORD);
    }
    | recipe error END          {
        slim_parser_unread(parser);
        yyerrok;
    }
    ;

item
    : SLIM integer { $$ = slim_stmt_version(parser, @$, $SLIM, $integer); }
    | INCLUDE STRING            {
        $$ = slim_stmt_new(parser, SLIM_STMT_INCLUDE, @$, $INCLUDE);
        $$->value = $STRING;
    }
    | INCLUDE LIBRARY_NAME      {
        $$ = slim_stmt_new(parser, SLIM_STMT_INCLUDE, @$, $INCLUDE);
        $$->value = $LIBRARY_NAME;
        $$->library = true;
    }
    | LET ARG ASSIGN value         {
        $$ = slim_stmt_new(parser, SLIM_STMT_LET, @$, $LET);
        $$->name = $ARG;
        $$->value = $value;
    }
    | SWEEP axes ASSIGN cases %prec METRICS {
        $$ = slim_stmt_new(parser, SLIM_STMT_SWEEP, @$, $SWEEP);
        $$->words = $axes;
        $$->cases = $cases;
    }
    | KEEP name[method] name[axis] {
        $$ = slim_stmt_new(parser, SLIM_STMT_KEEP, @$, $KEEP);
        $$->value = $method;
        $$->name = $axis;
    }
    | COMPUTE name              {
        $$ = slim_stmt_new(parser, SLIM_STMT_COMPUTE, @$, $COMPUTE);
        $$->value = $name;
    }
    | ASSERT assertion          {
        $$ = slim_stmt_new(parser, SLIM_STMT_ASSERT, @$, $ASSERT);
        $$->expr = $assertion;
    }
    | ASSERT assertion ELSE WARN {
        $$ = slim_stmt_new(parser, SLIM_STMT_ASSERT, @$, $ASSERT);
        $$->expr = $assertion;
        $$->warn = true;
    }
    | data_item
    | save_item
    | stage
    | stage AS name             {
        $$ = $stage;
        $$->label = $name;
        $$->span = @$;
    }
    ;

axes : ARG | '(' metrics CLOSE { $$ = $metrics; } ;

cases
    : case
    | cases[before] comma case  {
        $$ = $case;
        $$->next = $before;
    }
    ;

case
    : value { $$ = slim_case_new(parser, @$, $value, NULL, NULL); }
    | value DOTS value { $$ = slim_case_new(parser, @$, $1, $3, NULL); }
    | value[first] DOTS value[last] STEP value[step] {
        $$ = slim_case_new(parser, @$, $first, $last, $step);
    }
    | '(' values CLOSE { $$ = slim_case_new(parser, @$, $values, NULL, NULL); }
    ;

values
    : value
    | values[before] comma value { $$ = slim_value_chain($before, $value); }
    ;

data_item
    : DATA ARG ASSIGN source       {
        $$ = slim_stmt_new(parser, SLIM_STMT_DATA, @$, $DATA);
        $$->name = $ARG;
        $$->value = $source;
    }
    | data_item[item] arg       {
        $$ = $item;
        $$->span = @$;
        slim_stmt_arg($$, $arg);
    }
    ;

save_item
    : SAVE name                 {
        $$ = slim_stmt_new(parser, SLIM_STMT_SAVE, @$, $SAVE);
        $$->value = $name;
    }
    | SAVE name STRING          {
        $$ = slim_stmt_new(parser, SLIM_STMT_SAVE, @$, $SAVE);
        $$->value = $name;
        $$->path = $STRING;
    }
    | save_item[item] arg       {
        $$ = $item;
        $$->span = @$;
        slim_stmt_arg($$, $arg);
    }
    ;

/* A lone `$x` after the verb stands in the method's place, whatever its value
 * turns out to be; the compiler moves it. */
stage
    : NAME[verb] { $$ = slim_stmt_stage(parser, @$, $verb, NULL, NULL); }
    | NAME[verb] method         {
        $$ = slim_stmt_stage(parser, @$, $verb, $method, NULL);
    }
    | NAME[verb] amount         {
        $$ = slim_stmt_stage(parser, @$, $verb, NULL, $amount);
    }
    | NAME[verb] method amount  {
        $$ = slim_stmt_stage(parser, @$, $verb, $method, $amount);
    }
    | NAME[verb] method VAR     {
        $$ = slim_stmt_stage(parser, @$, $verb, $method,
                             slim_amount_new(parser, @VAR, false, $VAR, NULL));
    }
    | MEASURE metrics %prec METRICS {
        $$ = slim_stmt_new(parser, SLIM_STMT_MEASURE, @$, $MEASURE);
        $$->words = $metrics;
    }
    | stage[item] ON source     {
        $$ = $item;
        slim_stmt_on(parser, $$, @ON, $source);
        $$->span = @$;
    }
    | stage[item] IN scope      {
        $$ = $item;
        slim_stmt_in(parser, $$, slim_span_join(@IN, @scope), $scope, NULL);
        $$->span = @$;
    }
    | stage[item] IN scope[in] EXCEPT scope[out] {
        $$ = $item;
        slim_stmt_in(parser, $$, slim_span_join(@IN, @out), $in, $out);
        $$->span = @$;
    }
    | stage[item] arg           {
        $$ = $item;
        slim_stmt_arg($$, $arg);
        $$->span = @$;
    }
    ;

method : NAME | LAYERS | VAR ;

metrics
    : name
    | metrics[before] comma name { $$ = slim_value_chain($before, $name); }
    ;

comma : COMMA | COMMA_WORD ;

amount
    : quantity[of] OF name    {
        $$ = slim_amount_new(parser, @$, false, $[of], $name);
    }
    | literal { $$ = slim_amount_new(parser, @$, false, $literal, NULL); }
    | TO quantity { $$ = slim_amount_new(parser, @$, true, $quantity, NULL); }
    | TO quantity NAME          {
        $$ = slim_amount_new(parser, @$, true, $quantity, $NAME);
    }
    | TO quantity LAYERS        {
        $$ = slim_amount_new(parser, @$, true, $quantity, $LAYERS);
    }
    ;

quantity : literal | VAR ;

literal
    : NUMBER
    | PERCENT
    | RATIO
    | '-' NUMBER                { $$ = slim_literal_negate(parser, @$, $2); }
    | '-' PERCENT               { $$ = slim_literal_negate(parser, @$, $2); }
    ;

scope
    : scope_item
    | scope[before] scope_item  {
        $$ = $scope_item;
        $$->next = $before;
    }
    ;

scope_item
    : NAME { $$ = slim_scope_new(parser, @$, $NAME, NULL); }
    | STRING { $$ = slim_scope_new(parser, @$, $STRING, NULL); }
    | LAYERS ranges { $$ = slim_scope_new(parser, @$, NULL, $ranges); }
    ;

ranges
    : range
    | ranges[before] COMMA range  {
        $$ = $range;
        $$->next = $before;
    }
    ;

range
    : bound { $$ = slim_range_new(parser, @$, $bound, NULL); }
    | bound DOTS bound { $$ = slim_range_new(parser, @$, $1, $3); }
    ;

bound : integer | VAR ;

integer
    : NUMBER
    | '-' NUMBER                { $$ = slim_literal_negate(parser, @$, $2); }
    ;

source : name | STRING | VAR ;

arg
    : ARG ASSIGN value          { $$ = slim_arg_new(parser, @$, $ARG, $value); }
    ;

value : literal | STRING | VAR | word ;

name
    : NAME | EXCEPT | OF | TO | LAYERS | ELSE | WARN | STEP
    ;

word : name | ON | IN | AS ;

assertion
    : sum[left] comparison sum[right] {
        $$ = slim_expr_binary(parser, @$, $comparison, $left, $right);
    }
    ;

comparison
    : '<'                       { $$ = '<'; }
    | '>'                       { $$ = '>'; }
    | LESS_EQUAL                { $$ = 'l'; }
    | GREATER_EQUAL             { $$ = 'g'; }
    | EQUAL                     { $$ = '='; }
    | NOT_EQUAL                 { $$ = '!'; }
    ;

sum
    : term
    | sum '+' term { $$ = slim_expr_binary(parser, @$, '+', $1, $3); }
    | sum '-' term { $$ = slim_expr_binary(parser, @$, '-', $1, $3); }
    ;

term
    : atom
    | term '*' atom { $$ = slim_expr_binary(parser, @$, '*', $1, $3); }
    | term '/' atom { $$ = slim_expr_binary(parser, @$, '/', $1, $3); }
    ;

atom
    : NUMBER                    { $$ = slim_expr_leaf(parser, $1); }
    | PERCENT                   { $$ = slim_expr_leaf(parser, $1); }
    | '-' NUMBER                {
        $$ = slim_expr_leaf(parser, slim_literal_negate(parser, @$, $2));
    }
    | NAME                      { $$ = slim_expr_leaf(parser, $1); }
    | VAR                       { $$ = slim_expr_leaf(parser, $1); }
    | '(' sum CLOSE             { $$ = $sum; }
    ;

%%

static int yylex(SLIM_YYSTYPE *value, SLIM_YYLTYPE *where,
                 struct slim_parser *parser)
{
    return slim_token_next(value, where, parser);
}

/* Syntax errors take the other way; what comes here is a full stack. */
static void yyerror(const SLIM_YYLTYPE *where, struct slim_parser *parser,
                    const char *reason)
{
    (void)reason;
    (void)slim_fail(parser->diag, "S013", *where,
                    "this nests too deeply to be read");
}

static unsigned expectation(yysymbol_kind_t symbol)
{
    switch (symbol) {
#define EXPECT(token, name) case YYSYMBOL_##token: return SLIM_EXPECT_##name;
#include "lang/expect.def"
#undef EXPECT
    default: return 0;
    }
}

static int yyreport_syntax_error(const yypcontext_t *context,
                                 struct slim_parser *parser)
{
    yysymbol_kind_t symbols[YYNTOKENS];
    int count = yypcontext_expected_tokens(context, symbols, YYNTOKENS);
    unsigned expected = 0;

    for (int i = 0; i < count; i++)
        expected |= expectation(symbols[i]);
    slim_parser_unexpected(parser, *yypcontext_location(context), expected,
                           expectation(yypcontext_token(context)));
    return 0;
}
