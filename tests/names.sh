# names.sh - no file of the program names a model family, and the lint of it
# finds names

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$srcdir" || exit 1

lint()
{
    awk -f tools/names.awk compiler/families/*.yaml tests/families/*.yaml "$@"
}

# shellcheck disable=SC2046 # paths without spaces
lint $(find base lang compiler runtime report cli -name '*.[chly]' \
    -o -name '*.def' -o -name '*.py' -o -name '*.proto') || exit 1

# Texts that are put together when the program is compiled, too. What is not
# text has printable runs as well, so that three letters are a name by chance:
# a run of eight hardly ever is.
if command -v strings >/dev/null; then
    strings -d -n 8 "$SLIMC" >"$work/strings.c"
    grep -q Tokenizer "$work/strings.c" || exit 1
    lint "$work/strings.c" || exit 1
fi

# VERDICT LINE
says()
{
    echo "$2" >"$work/x.c"
    if lint "$work/x.c" >/dev/null; then
        verdict=may
    else
        verdict=not
    fi
    [ "$verdict" = "$1" ] && return
    echo "$2: said $verdict, expected $1"
    exit 1
}

says not '/* as Llama 2 has it */'
says not '/* as in llama-3 */'
says not 'SLIM_SCALING_LLAMA3 = 1,'
says not 'if (strcmp(type, "GPTNeoXForCausalLM") == 0)'
says not 'static bool is_gpt_neox(void);'
says not 'slim_opt_offset = 2;'
says not '/* TinyLlama */'
says not '"opt"'
says may 'SLIM_OPTION_man, options, optional, adopt'
says may 'philox(x, seed);'
says may 'Opteron'
says may '"GPT2Tokenizer"'
says may '/* opted for the oak-tree */'

# The names are those of the files.
echo '"plover"' >"$work/x.c"
lint "$work/x.c" || exit 1
echo 'model_types: [tern, plover]' >"$work/new.yaml"
lint "$work/new.yaml" "$work/x.c" >/dev/null && exit 1
awk -f tools/names.awk "$work/x.c" >/dev/null && exit 1
exit 0
