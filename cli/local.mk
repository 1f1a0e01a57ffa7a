# cli: main, and one file a command

bin_PROGRAMS += slimc

slimc_CFLAGS = $(AM_CFLAGS) $(OPENMP_CFLAGS)
slimc_LDADD = $(slim_archives) $(slim_libs)

slimc_SOURCES = \
    %D%/main.c
