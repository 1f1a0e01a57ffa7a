dnl slim_options.m4 - the --enable switches, as flags that Makefile.am uses

AC_DEFUN([SLIM_OPTIONS], [
SLIM_WARNINGS="-Wall -Wextra -Wpedantic -Wshadow -Wconversion"
SLIM_WARNINGS="$SLIM_WARNINGS -Wstrict-prototypes -Wmissing-prototypes"
SLIM_WARNINGS="$SLIM_WARNINGS -Wswitch-enum"
SLIM_INSTRUMENT=
SLIM_FUZZ_LDFLAGS=

AC_ARG_ENABLE([werror],
    [AS_HELP_STRING([--enable-werror], [make warnings errors])])
AS_IF([test "x$enable_werror" = xyes],
      [SLIM_WARNINGS="$SLIM_WARNINGS -Werror"])

AC_ARG_ENABLE([sanitizers],
    [AS_HELP_STRING([--enable-sanitizers],
                    [run under the address and undefined sanitizers])])
AS_IF([test "x$enable_sanitizers" = xyes || test "x$enable_fuzzers" = xyes],
      [SLIM_INSTRUMENT="-fsanitize=address,undefined -fno-omit-frame-pointer"
       SLIM_INSTRUMENT="$SLIM_INSTRUMENT -fno-sanitize-recover=undefined"])

AC_ARG_ENABLE([fuzzers],
    [AS_HELP_STRING([--enable-fuzzers],
                    [link the fuzz harnesses with libFuzzer (needs clang)])])
AS_IF([test "x$enable_fuzzers" = xyes],
      [SLIM_INSTRUMENT="$SLIM_INSTRUMENT -fsanitize=fuzzer-no-link"
       SLIM_FUZZ_LDFLAGS=-fsanitize=fuzzer])
AM_CONDITIONAL([FUZZERS], [test "x$enable_fuzzers" = xyes])

AC_ARG_ENABLE([coverage],
    [AS_HELP_STRING([--enable-coverage], [count the lines that run])])
AS_IF([test "x$enable_coverage" = xyes],
      [SLIM_INSTRUMENT="$SLIM_INSTRUMENT --coverage -O0"])

AC_SUBST([SLIM_WARNINGS])
AC_SUBST([SLIM_INSTRUMENT])
AC_SUBST([SLIM_FUZZ_LDFLAGS])
])
