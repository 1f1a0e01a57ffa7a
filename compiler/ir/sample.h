/* sample.h - which tokens a stage reads; shared by compiler and runtime */
#ifndef SLIM_SAMPLE_H
#define SLIM_SAMPLE_H

#include <stdbool.h>

struct slim_op;
struct slim_text;

enum slim_pick { SLIM_PICK_RANDOM, SLIM_PICK_FIRST };

/* args of the hidden stage `sample`, which gives TOKENS. */
struct slim_sample {
    const char *set;   /* "wikitext2", or the quoted file name */
    const char *split; /* "test", or NULL: the set's default */
    bool file;         /* set is a file name */
    long n;            /* windows or records; 0: all there are */
    long len;          /* tokens a window, longest record */
    int pick;          /* enum slim_pick */
    long seed;
};

/* "wikitext2.test n=10 len=64 pick=first", as `on` would say it. */
void slim_sample_print(struct slim_text *out, const struct slim_sample *sample);

/* The args of the op that gives this op its tokens; NULL if it has none. */
const struct slim_sample *slim_op_sample(const struct slim_op *op);

#endif
