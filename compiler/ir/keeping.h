/* keeping.h - what the store has to know of a stage */
#ifndef SLIM_KEEPING_H
#define SLIM_KEEPING_H

/*
 * The last fields of a row of stage.h:
 *
 * keeping   what the store does with what the stage gives, below.
 * causes    adds what decides the result beside verb, version, method,
 *           arguments and the digests of what is read: what quantity and scope
 *           come to (NULL: they count as they are written), what later
 *           operations ask for. False: not known.
 * repeats   whether run() runs operations again that it reads from, and so
 *           needs what they read. NULL: never.
 * outside   what it left outside the store, told so that any change of it tells
 *           otherwise; NULL: nothing is there. What is kept counts only while
 *           this is what it was.
 * journal   whether it writes a journal, and goes on after it was killed.
 */
enum slim_keeping {
    SLIM_KEEP_RESULT,  /* kept by its key */
    SLIM_KEEP_NOTHING, /* always run; reads shapes and metrics, no numbers */
    SLIM_KEEP_SOURCE,  /* its causes say what it is: run where it is needed */
};

#endif
