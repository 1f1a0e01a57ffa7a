/* promise.c - what is about to appear outside the store, said beforehand
 *
 * A run that is killed between the moment its output stands under its name and
 * the moment the store knows of it would refuse its own output as somebody
 * else's.
 */
#include "runtime/store/memo.h"
#include "runtime/store/store.h"

#include <string.h>

static const char *place_of(struct slim_run *run, const struct slim_op *op)
{
    return slim_store_path(run->store, "promises", &run->memos[op->id].key);
}

void slim_promise_make(struct slim_run *run, const struct slim_op *op,
                       const char *outside)
{
    if (slim_store_keeps(run->store) && outside && slim_memo_key(run, op))
        (void)slim_sealed_put(run->store, place_of(run, op), outside,
                              strlen(outside));
}

bool slim_promise_holds(struct slim_run *run, const struct slim_op *op,
                        const char *outside)
{
    struct slim_map map;
    bool altered = false;

    if (!slim_store_keeps(run->store) || !outside || !slim_memo_key(run, op) ||
        !slim_sealed_map(&map, place_of(run, op), &altered, &run->store->diag))
        return false;
    size_t length = map.length - SLIM_SEAL;
    bool same =
        length == strlen(outside) && memcmp(map.data, outside, length) == 0;
    slim_map_close(&map);
    return same;
}
