# doc: the man page and the books

dist_man_MANS =
dist_doc_DATA = %D%/language.md
