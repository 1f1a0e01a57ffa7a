# bad.sh - what the scripts about bad input share: read by `.`
#
# Each claim runs a command in $work and looks at all that a user sees: the
# exit code, the codes of the errors in their order, words that the messages
# must hold, and that no file came or went.

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
unset SLIMC_DATA SLIMC_FAIL_WRITE SLIMC_STOP_WRITE
XDG_DATA_HOME=$work/nowhere
HOME=$work/nowhere
export XDG_DATA_HOME HOME
number=0
SLIMC=${SLIMC:-$builddir/slimc}

# a command that a test may name without its path
slimc()
{
    "$SLIMC" "$@"
}

# A model of random weights with a tokenizer of single characters, and a text.
make_model()
{
    mkdir "$1" text
    cat >"$1/config.json" <<END
{"model_type": "llama", "hidden_size": 32, "intermediate_size": 48,
 "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2,
 "vocab_size": 128, "rms_norm_eps": 1e-5, "max_position_embeddings": 128,
 "tie_word_embeddings": false}
END
    awk 'BEGIN {
        printf "{\"model\":{\"type\":\"BPE\",\"merges\":[],\"vocab\":{"
        printf "\"\\n\":10"
        for (c = 32; c < 127; c++)
            printf ",\"%s%c\":%d", c == 34 || c == 92 ? "\\" : "", c, c
        print "}}}"
    }' >"$1/tokenizer.json"
    echo '{"eos_token": "~"}' >"$1/tokenizer_config.json"
    awk 'BEGIN {
        for (i = 0; i < 400; i++)
            print "line", i, "says that", i * 7 % 31, "is a number"
    }' >text/words.txt
    if slimc synth --quiet "$1/config.json" "$work/synth" >printed 2>err; then
        mv synth/model.safetensors "$1" && rm -rf synth printed err
    else
        sed 's/^/# /' err
        echo "Bail out! slimc synth does not make a model"
        exit 1
    fi
}

# result CLAIM: of the commands before, whose complaints are in $work/why
result()
{
    number=$((number + 1))
    if [ -s "$work/why" ]; then
        sed 's/^/# /' "$work/why"
        sed 's/^/# | /' "$work/err" | cut -c1-300 | head -20
        echo "not ok $number - $1"
    else
        echo "ok $number - $1"
    fi
    rm -f "$work/why"
}

skip()
{
    number=$((number + 1))
    echo "ok $number - $1 # SKIP $2"
}

# runs EXIT COMMAND..: and leaves nothing that was not there before
runs()
{
    wanted=$1
    shift
    : >printed
    : >err
    : >before
    : >after
    find . | sort >"$work/before"
    "$@" </dev/null >printed 2>err
    code=$?
    find . | sort >"$work/after"
    if [ $code -ne "$wanted" ]; then
        echo "exit code $code, not $wanted: $*" >>"$work/why"
    fi
    if grep -q 'runtime error:\|Sanitizer' err; then
        echo "a sanitizer speaks" >>"$work/why"
    fi
    if ! cmp -s before after; then
        echo "files came or went:" >>"$work/why"
        diff before after >>"$work/why"
    fi
}

# The codes of all errors, in the order in which they are printed.
codes()
{
    sed -n 's/^.*error\[\([A-Z][0-9]*\)\]:.*/\1/p' err | tr '\n' ' ' |
        sed 's/ $//'
}

# says WORDS..: each is in what was printed
says()
{
    for words in "$@"; do
        if ! grep -qF -e "$words" err; then
            echo "it does not say: $words" >>"$work/why"
        fi
    done
}

# refuses CLAIM EXIT CODES WORDS COMMAND..: WORDS are separated by '|'
refuses()
{
    claim=$1
    exit=$2
    errors=$3
    words=$4
    shift 4
    runs "$exit" "$@"
    if [ "$(codes)" != "$errors" ]; then
        echo "errors: $(codes), not $errors" >>"$work/why"
    fi
    list=$words
    while [ -n "$list" ]; do
        says "${list%%|*}"
        case $list in
        *'|'*) list=${list#*|} ;;
        *) list= ;;
        esac
    done
    result "$claim"
}
