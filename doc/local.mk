# doc: the man page and the books

dist_doc_DATA = README.md HACKING.md CHANGELOG.md \
    %D%/errors.md %D%/language.md %D%/numerics.md \
    %D%/performance.md %D%/results.md

# The verbs are printed by the program itself, so that they are its own. The
# brackets keep configure from replacing the pattern by the version.
man_MANS = %D%/slimc.1
EXTRA_DIST += %D%/slimc.1.in
CLEANFILES += %D%/slimc.1 %D%/slimc.verbs

%D%/slimc.1: $(srcdir)/%D%/slimc.1.in slimc$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) %D% && \
	    ./slimc$(EXEEXT) ops --man >%D%/slimc.verbs && \
	    sed -e 's|[@]VERSION@|$(PACKAGE_VERSION)|' \
	        -e 's|@DATADIR@|$(datadir)|' \
	        -e '/^@VERBS@$$/{' -e 'r %D%/slimc.verbs' -e 'd' -e '}' \
	        $(srcdir)/%D%/slimc.1.in >$@-t && mv $@-t $@
