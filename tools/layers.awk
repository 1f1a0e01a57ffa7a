# layers.awk - an include that points against the arrows is an error
#
#     base <- lang <- compiler;  base, compiler/ir <- runtime;  base <- report;
#     all <- cli
#
# compiler/ir is what the runtime sees of the compiler, and sees only base.

BEGIN {
    may["base"] = " base "
    may["lang"] = " base lang "
    may["compiler/ir"] = " base compiler/ir "
    may["compiler"] = " base lang compiler compiler/ir "
    may["runtime"] = " base compiler/ir runtime "
    may["report"] = " base report "
    may["cli"] = " base lang compiler compiler/ir runtime report cli "
}

function folder(path)
{
    if (path ~ /^compiler\/ir\//)
        return "compiler/ir"
    return substr(path, 1, index(path, "/") - 1)
}

/^[ \t]*#[ \t]*include[ \t]+"/ {
    split($0, part, "\"")
    from = folder(FILENAME)
    to = folder(part[2])
    if (to == "" || !index(may[from], " " to " ")) {
        printf "%s:%d: %s may not include \"%s\"\n", FILENAME, FNR, from, part[2]
        wrong++
    }
}

END { exit wrong > 0 }
