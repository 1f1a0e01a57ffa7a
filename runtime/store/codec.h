/* codec.h - typed results to bytes and back, a row a type */
#ifndef SLIM_CODEC_H
#define SLIM_CODEC_H

#include "runtime/run.h"
#include "runtime/store/store.h"

#include <jansson.h>

/*
 * A result becomes a manifest, a JSON object of sorted keys, and objects that
 * hold its arrays. The digest of the manifest is the digest of the result.
 */
struct slim_packing {
    struct slim_store *store;
    struct slim_run *run;
    const struct slim_op *op;
    struct slim_kept_object *objects; /* grows in the store's arena */
    size_t count, capacity;
};

struct slim_unpacking {
    struct slim_store *store;
    struct slim_run *run;
    const struct slim_op *op;
};

struct slim_codec {
    unsigned type; /* enum slim_type */
    bool eager;    /* taken over as soon as it is found: it is small, and what
                      follows looks at it (metrics) */
    /* Whether the operation gave it. NULL: always. */
    bool (*given)(struct slim_run *run, const struct slim_op *op);
    /* NULL: no memory, or nothing that can be written down. */
    json_t *(*pack)(struct slim_packing *packing);
    /* False: not what was packed, an object is gone, or no memory. */
    bool (*unpack)(struct slim_unpacking *unpacking, const json_t *manifest);
    /* What the result is to an operation that reads it; NULL: the manifest's
     * digest. */
    bool (*identity)(struct slim_digest *out, const json_t *manifest,
                     const struct slim_op *reader);
};

/* The rows; type 0 ends them. */
extern const struct slim_codec slim_codecs[];

json_t *slim_pack_model(struct slim_packing *packing);
bool slim_unpack_model(struct slim_unpacking *unpacking, const json_t *json);
/* The shape that a manifest of a model tells; NULL if it tells none. */
const struct slim_shape *slim_unpack_shape(struct slim_run *run,
                                           const json_t *manifest);

json_t *slim_pack_tokens(struct slim_packing *packing);
bool slim_unpack_tokens(struct slim_unpacking *unpacking, const json_t *json);
bool slim_identify_tokens(struct slim_digest *out, const json_t *manifest,
                          const struct slim_op *reader);
bool slim_given_adapter(struct slim_run *run, const struct slim_op *op);
json_t *slim_pack_adapter(struct slim_packing *packing);
bool slim_unpack_adapter(struct slim_unpacking *unpacking, const json_t *json);

/* ---- for rows ---- */

/* Names an array, and puts it as an object: {"blob": HEX, "size": N}, or NULL.
 * Whether it is kept is for the store to say (`writes`). */
json_t *slim_pack_blob(struct slim_packing *packing,
                       const struct slim_piece *parts, size_t count);
/* Maps it again: false if it is not there as it was. */
bool slim_unpack_blob(struct slim_unpacking *unpacking, struct slim_map *out,
                      const json_t *blob);
/* A count of at most `most` under a key; false if there is none. */
bool slim_unpack_count(size_t *out, const json_t *object, const char *key,
                       size_t most);

/* The next `size` bytes of a map; false where it ends before. */
bool slim_unpack_take(void *out, const struct slim_map *map, size_t *at,
                      size_t size);

/* Where the numbers of a layer's own buffers are kept, for who keeps a model
 * layer by layer: the same object as that of the whole model. */
json_t *slim_pack_layer(struct slim_packing *packing,
                        const struct slim_model *model, size_t layer);
bool slim_unpack_layer(struct slim_unpacking *unpacking,
                       struct slim_model *model, const json_t *json);

#endif
