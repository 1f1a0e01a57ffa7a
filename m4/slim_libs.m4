dnl slim_libs.m4 - look for everything, then name all that is missing at once

AC_DEFUN([SLIM_LIBS_BEGIN], [
slim_missing=
slim_packages=
PKG_PROG_PKG_CONFIG
AS_IF([test -z "$PKG_CONFIG"], [SLIM_MISSES([pkg-config], [pkg-config])])
])

dnl SLIM_MISSES(what, Debian package)
AC_DEFUN([SLIM_MISSES], [
slim_missing="$slim_missing
    $1: Debian package $2"
slim_packages="$slim_packages $2"
])

dnl SLIM_NEED(VARIABLE, pkg-config module, Debian package)
AC_DEFUN([SLIM_NEED], [
PKG_CHECK_MODULES([$1], [$2], [], [SLIM_MISSES([$2], [$3])])
])

dnl Bison itself, not a yacc: AC_PROG_YACC would take "bison -y", or byacc.
AC_DEFUN([SLIM_NEED_BISON], [
AC_CHECK_PROG([YACC], [bison], [bison])
AC_MSG_CHECKING([for bison >= $1])
slim_bison=none
AS_IF([test -n "$YACC"],
      [slim_bison=`$YACC --version | sed -n '1s/.* //p'`])
AC_MSG_RESULT([$slim_bison])
AS_IF([test "$slim_bison" = none], [SLIM_MISSES([bison >= $1], [bison])],
      [AS_VERSION_COMPARE([$slim_bison], [$1],
           [SLIM_MISSES([bison >= $1, found $slim_bison], [bison])])])
AC_SUBST([YFLAGS], [""])
])

AC_DEFUN([SLIM_NEED_FLEX], [
AC_PROG_LEX([noyywrap])
AM_PROG_LEX
AS_CASE([$LEX], [flex|*/flex], [],
        [SLIM_MISSES([flex >= 2.6], [flex])])
])

AC_DEFUN([SLIM_NEED_PROTOC], [
AC_CHECK_PROG([PROTOC_C], [protoc-c], [protoc-c])
AS_IF([test -z "$PROTOC_C"], [SLIM_MISSES([protoc-c], [protobuf-c-compiler])])
])

dnl Only -fopenmp; the kernels say where it is used.
AC_DEFUN([SLIM_NEED_OPENMP], [
AC_OPENMP
AS_CASE([$ac_cv_prog_c_openmp],
        [unsupported|"not found"],
        [SLIM_MISSES([OpenMP for $CC], [gcc (or, for clang, libomp-dev)])])
])

AC_DEFUN([SLIM_LIBS_END], [
AS_IF([test -n "$slim_missing"],
      [AC_MSG_ERROR([these are missing:
$slim_missing

On Debian 12 this installs them:

    apt-get install$slim_packages
])])
])

dnl oneDNN has no pkg-config module in Debian 12. Without it there is no bf16.
AC_DEFUN([SLIM_WANT_DNNL], [
slim_dnnl=no
AC_CHECK_HEADER([oneapi/dnnl/dnnl.h],
    [AC_CHECK_LIB([dnnl], [dnnl_matmul_desc_init],
        [slim_dnnl=yes
         AC_DEFINE([HAVE_DNNL], [1], [products in bf16])
         AC_SUBST([DNNL_LIBS], [-ldnnl])])])
AS_IF([test $slim_dnnl = no],
      [AC_MSG_NOTICE([no oneDNN 2 (Debian package libdnnl-dev): no bf16])])
])
