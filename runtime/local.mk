# runtime: IR to numbers. tensor/ and kernel/ are the numeric library; the
# rest uses it.

noinst_LIBRARIES += %D%/libkernel.a %D%/libruntime.a

%C%_libkernel_a_CFLAGS = $(AM_CFLAGS) -O3 $(OPENMP_CFLAGS)
%C%_libkernel_a_SOURCES =

%C%_libruntime_a_CFLAGS = $(AM_CFLAGS) $(OPENMP_CFLAGS)
%C%_libruntime_a_SOURCES =

setsdir = $(pkgdatadir)/data
dist_sets_DATA =

slimpythondir = $(pkgdatadir)/python
dist_slimpython_DATA =
