# report: results of runs, as tables and plots

noinst_LIBRARIES += %D%/libreport.a

%C%_libreport_a_SOURCES = \
    %D%/compare.c \
    %D%/gnuplot.c \
    %D%/html.c \
    %D%/objects.c \
    %D%/plot.c \
    %D%/read.c \
    %D%/table.c

EXTRA_DIST += %D%/README.md
