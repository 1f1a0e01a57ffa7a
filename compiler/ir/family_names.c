/* family_names.c - patterns of tensor names: what they stand for, and that no
 * two stand for one tensor */
#include "compiler/ir/family.h"

#include "base/text.h"

#include <assert.h>
#include <string.h>

/* ---- patterns ---- */

static const char *pattern_word(const struct slim_pattern *words,
                                const char *name, size_t length,
                                struct slim_arena *arena)
{
    if (length == 1 && name[0] == 'i' && words->index != SLIM_NO_LAYER)
        return slim_arena_printf(arena, "%zu", words->index);
    if (length == 4 && strncmp(name, "root", length) == 0)
        return words->root;
    if (length == 4 && strncmp(name, "node", length) == 0)
        return words->node;
    return NULL;
}

/* {layer} is a pattern of its own, filled first. */
const char *slim_pattern_unfold(const char *pattern, const char *layer,
                                struct slim_arena *arena)
{
    const char *at = layer == NULL ? NULL : strstr(pattern, "{layer}");
    if (at == NULL)
        return pattern;
    return slim_arena_printf(arena, "%.*s%s%s", (int)(at - pattern), pattern,
                             layer, at + strlen("{layer}"));
}

enum slim_status slim_pattern_fill(const char **out, const char *pattern,
                                   const struct slim_pattern *words,
                                   struct slim_span place,
                                   struct slim_diag *diag)
{
    struct slim_text text = { 0 };
    const char *at = slim_pattern_unfold(pattern, words->layer, diag->arena);
    slim_text_puts(&text, "");
    while (*at != '\0') {
        size_t plain = strcspn(at, "{");
        slim_text_append(&text, at, plain);
        at += plain;
        if (*at == '\0')
            break;
        size_t length = strcspn(at, "}");
        const char *word =
            at[length] == '\0'
                ? NULL
                : pattern_word(words, at + 1, length - 1, diag->arena);
        if (word == NULL) {
            slim_text_free(&text);
            return slim_fail(diag, "F334", place,
                             "\"%.*s\" stands for nothing here",
                             (int)length + 1, at);
        }
        slim_text_puts(&text, word);
        at += length + 1;
    }
    *out = slim_arena_strdup(diag->arena, text.data);
    slim_text_free(&text);
    return SLIM_OK;
}

/* ---- whether two can name one tensor ---- */

/* What a pattern begins with: a letter, or a stand-in. */
enum piece { PIECE_END, PIECE_LETTER, PIECE_INDEX, PIECE_ROOT };

static enum piece first_piece(const char *at)
{
    if (*at == '\0')
        return PIECE_END;
    if (strncmp(at, "{i}", 3) == 0)
        return PIECE_INDEX;
    return strncmp(at, "{root}", 6) == 0 ? PIECE_ROOT : PIECE_LETTER;
}

/* A place in a pattern, whose {root} may be half read. */
struct cursor {
    const char *at, *inside; /* inside: the rest of the root, or NULL */
};

/* Past the stand-ins for nothing, into the root. */
static enum piece look(struct cursor *cursor, const char *root)
{
    for (;;) {
        if (cursor->inside != NULL && *cursor->inside != '\0')
            return PIECE_LETTER;
        cursor->inside = NULL;
        enum piece piece = first_piece(cursor->at);
        if (piece != PIECE_ROOT)
            return piece;
        cursor->at += strlen("{root}");
        cursor->inside = root;
    }
}

static char take(struct cursor *cursor)
{
    const char **from = cursor->inside != NULL ? &cursor->inside : &cursor->at;
    return *(*from)++;
}

/* Digits of one against {i} of the other. False if there are none. */
static bool take_digits(struct cursor *cursor, const char *root)
{
    size_t count = 0;
    while (look(cursor, root) == PIECE_LETTER) {
        struct cursor before = *cursor;
        char letter = take(cursor);
        if (letter < '0' || letter > '9') {
            *cursor = before;
            break;
        }
        count++;
    }
    return count > 0;
}

bool slim_pattern_meets(const char *a, const char *b, const char *root)
{
    struct cursor one = { a, NULL }, two = { b, NULL };
    for (;;) {
        enum piece left = look(&one, root), right = look(&two, root);
        if (left == PIECE_END || right == PIECE_END)
            return left == right;
        if (left == PIECE_INDEX)
            one.at += strlen("{i}");
        if (right == PIECE_INDEX)
            two.at += strlen("{i}");
        if (left == PIECE_LETTER && right == PIECE_LETTER) {
            if (take(&one) != take(&two))
                return false;
        } else if (left == PIECE_LETTER
                       ? !take_digits(&one, root)
                       : right == PIECE_LETTER && !take_digits(&two, root)) {
            return false;
        }
    }
}

/* ---- the patterns of a family ---- */

struct slim_slot_list slim_family_slots(const struct slim_family *family,
                                        struct slim_arena *arena)
{
    struct slim_slot_list slots = { 0 };
    size_t room = 0;
    for (size_t p = 0; p < SLIM_PARTS; p++)
        room += family->block_count[p] * SLIM_SLOTS;
    slots.items = SLIM_NEW_ARRAY(arena, room, struct slim_slot_spec *);
    slots.blocks = SLIM_NEW_ARRAY(arena, room, const struct slim_block_spec *);
    slots.parts = SLIM_NEW_ARRAY(arena, room, enum slim_part);
    for (size_t p = 0; p < SLIM_PARTS; p++)
        for (size_t b = 0; b < family->block_count[p]; b++)
            for (size_t s = 0; s < SLIM_SLOTS; s++) {
                const struct slim_block_spec *block = &family->blocks[p][b];
                if (block->slots[s] == NULL)
                    continue;
                slots.blocks[slots.count] = block;
                slots.parts[slots.count] = (enum slim_part)p;
                slots.items[slots.count++] = block->slots[s];
            }
    return slots;
}

/* Layers are told apart by their patterns. */
static enum slim_status check_pattern(const struct slim_slot_spec *slot,
                                      const struct slim_family *family,
                                      enum slim_part part,
                                      struct slim_diag *diag)
{
    bool layered = part == SLIM_PART_LAYER;
    struct slim_pattern words = { .root = "",
                                  .layer = family->layer_prefix,
                                  .index = layered ? 0 : SLIM_NO_LAYER };
    const char *zero = NULL, *one = NULL;
    struct slim_span place = slot->pattern_node->span;
    if (!layered)
        words.layer = NULL;
    if (slim_pattern_fill(&zero, slot->pattern, &words, place, diag) != SLIM_OK)
        return SLIM_FAILED;
    words.index = 1;
    if (!layered)
        return SLIM_OK;
    if (slim_pattern_fill(&one, slot->pattern, &words, place, diag) != SLIM_OK)
        return SLIM_FAILED;
    assert(zero != NULL && one != NULL);
    if (strcmp(zero, one) == 0)
        return slim_fail(diag, "F332", place,
                         "\"%s\" is the same tensor in every layer",
                         slot->pattern);
    return SLIM_OK;
}

/* Under any of the prefixes that the file tries. */
static bool meets(const struct slim_family *family, const char *a,
                  const char *b)
{
    for (size_t r = 0; r < family->roots->count; r++)
        if (slim_pattern_meets(a, b, family->roots->items[r]->text))
            return true;
    return false;
}

static enum slim_status check_unique(const struct slim_family *family,
                                     const struct slim_slot_spec *slot,
                                     const struct slim_slot_spec *other,
                                     struct slim_diag *diag)
{
    const char *mine =
        slim_pattern_unfold(slot->pattern, family->layer_prefix, diag->arena);
    const char *its =
        slim_pattern_unfold(other->pattern, family->layer_prefix, diag->arena);
    if (!meets(family, mine, its))
        return SLIM_OK;
    struct slim_error *error =
        slim_error(diag, "F332", slot->pattern_node->span,
                   "\"%s\" names two tensors", slot->pattern);
    slim_error_note(diag, error, other->pattern_node->span, "the other one");
    return SLIM_FAILED;
}

/* What is passed over must not be what is read. */
static enum slim_status check_ignored(struct slim_family *family,
                                      const struct slim_slot_list *slots,
                                      size_t index, struct slim_diag *diag)
{
    const struct slim_yaml *node = family->ignored_tensors->items[index];
    struct slim_pattern words = { .root = "", .layer = family->layer_prefix };
    const char *filled = NULL;
    if (slim_pattern_fill(&filled, node->text, &words, node->span, diag) !=
        SLIM_OK)
        return SLIM_FAILED;
    family->ignored[index] =
        slim_pattern_unfold(node->text, family->layer_prefix, diag->arena);
    for (size_t s = 0; s < slots->count; s++) {
        const struct slim_slot_spec *slot = slots->items[s];
        if (!meets(family, family->ignored[index],
                   slim_pattern_unfold(slot->pattern, family->layer_prefix,
                                       diag->arena)))
            continue;
        struct slim_error *error =
            slim_error(diag, "F332", node->span,
                       "\"%s\" is ignored, and it is a tensor of block \"%s\"",
                       node->text, slots->blocks[s]->name);
        slim_error_note(diag, error, slot->pattern_node->span, "named here");
        return SLIM_FAILED;
    }
    return SLIM_OK;
}

static enum slim_status check_roots(const struct slim_family *family,
                                    struct slim_diag *diag)
{
    const struct slim_yaml *roots = family->roots;
    if (roots->count == 0)
        return slim_fail(diag, "F301", roots->span,
                         "a prefix is missing here; \"\" is one");
    for (size_t r = 0; r < roots->count; r++)
        for (size_t o = 0; o < r; o++)
            if (strcmp(roots->items[r]->text, roots->items[o]->text) == 0)
                return slim_fail(diag, "F332", roots->items[r]->span,
                                 "prefix \"%s\" stands here twice",
                                 roots->items[r]->text);
    return SLIM_OK;
}

static enum slim_status check_slots(const struct slim_family *family,
                                    const struct slim_slot_list *slots,
                                    struct slim_diag *diag)
{
    enum slim_status status = SLIM_OK;
    for (size_t s = 0; s < slots->count; s++) {
        if (check_pattern(slots->items[s], family, slots->parts[s], diag) !=
            SLIM_OK)
            status = SLIM_FAILED;
        for (size_t o = 0; o < s; o++)
            if (check_unique(family, slots->items[s], slots->items[o], diag) !=
                SLIM_OK)
                status = SLIM_FAILED;
    }
    return status;
}

enum slim_status slim_family_names(struct slim_family *family,
                                   struct slim_diag *diag)
{
    struct slim_slot_list slots = slim_family_slots(family, diag->arena);
    if (check_roots(family, diag) != SLIM_OK)
        return SLIM_FAILED;
    enum slim_status status = check_slots(family, &slots, diag);
    size_t ignored =
        family->ignored_tensors == NULL ? 0 : family->ignored_tensors->count;
    family->ignored = SLIM_NEW_ARRAY(diag->arena, ignored, const char *);
    for (size_t i = 0; i < ignored; i++)
        if (check_ignored(family, &slots, i, diag) != SLIM_OK)
            status = SLIM_FAILED;
    return status;
}
