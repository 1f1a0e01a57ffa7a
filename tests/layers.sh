# layers.sh - the lint of includes lets the arrows pass and nothing else

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/base" "$work/runtime/kernel" "$work/compiler/ir" "$work/cli"
cd "$work" || exit 1

# FILE INCLUDE VERDICT
says()
{
    echo "#include \"$2\"" >"$1"
    if awk -f "$srcdir/tools/layers.awk" "$1" >/dev/null; then
        verdict=may
    else
        verdict=not
    fi
    [ "$verdict" = "$3" ] && return
    echo "$1 includes $2: said $verdict, expected $3"
    exit 1
}

says base/x.c base/text.h may
says base/x.c lang/ast.h not
says runtime/kernel/x.c compiler/ir/stage.h may
says runtime/kernel/x.c compiler/compile.h not
says compiler/ir/x.c compiler/compile.h not
says compiler/ir/x.c base/diag.h may
says compiler/x.c runtime/run.h not
says compiler/x.c lang/ast.h may
says cli/x.c runtime/run.h may
says runtime/x.c text.h not
