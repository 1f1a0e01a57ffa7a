# names.awk - a file of the program that names a model family is an error
#
#     awk -f tools/names.awk FAMILY.yaml.. SOURCE..
#
# The names are those that the family files give: `family` and `model_types`,
# with a number after them or none. They count as words: of identifiers in
# either style, of texts, of comments. "SLIM_OPTION" does not hold "opt"; both
# "Gpt2Model" and "gpt-2" name one. What a tokenizer's class is called is the tokenizer's
# name: "...Tokenizer" may stand.

function learn(name)
{
    name = tolower(name)
    gsub(/[^a-z0-9]/, "", name)
    if (name == "" || name in known)
        return
    known[name] = 1
    quick = quick (quick == "" ? "" : "|") name
}

# A word's boundaries as "|": at "_" and "-", and where capitals begin.
function words(token,    out, i, c, after, before)
{
    out = "|"
    for (i = 1; i <= length(token); i++) {
        c = substr(token, i, 1)
        before = substr(token, i - 1, 1)
        after = substr(token, i + 1, 1)
        if (c ~ /[_-]/) {
            out = out "|"
            continue
        }
        if (i > 1 && c ~ /[A-Z]/ &&
            (before ~ /[a-z0-9]/ || (before ~ /[A-Z]/ && after ~ /[a-z]/)))
            out = out "|"
        out = out tolower(c)
    }
    return out "|"
}

# A name as an expression that may have boundaries anywhere inside.
function loose(name,    out, i)
{
    out = "\\|" substr(name, 1, 1)
    for (i = 2; i <= length(name); i++)
        out = out "\\|*" substr(name, i, 1)
    return out "\\|?[0-9]*\\|"
}

function judge(token,    parts, name)
{
    if (token ~ /Tokenizer/)
        return
    parts = words(token)
    for (name in known)
        if (parts ~ loose(name)) {
            printf "%s:%d: \"%s\" names a model family\n", FILENAME, FNR, token
            wrong++
            return
        }
}

FILENAME ~ /\.yaml$/ {
    if ($1 == "family:")
        learn($2)
    if ($1 == "model_types:") {
        sub(/^[^[]*\[/, "")
        sub(/\].*/, "")
        count = split($0, types, /, */)
        for (i = 1; i <= count; i++)
            learn(types[i])
    }
    next
}

{
    short = tolower($0)
    gsub(/[_-]/, "", short)
    if (quick == "" || short !~ quick)
        next
    count = split($0, tokens, /[^A-Za-z0-9_-]+/)
    for (i = 1; i <= count; i++)
        judge(tokens[i])
}

END {
    if (quick == "") {
        print "names.awk: no family file was given"
        exit 1
    }
    exit wrong > 0
}
