# doc: the man page and the books

dist_man_MANS =
dist_doc_DATA = README.md HACKING.md CHANGELOG.md \
    %D%/errors.md %D%/language.md %D%/numerics.md
