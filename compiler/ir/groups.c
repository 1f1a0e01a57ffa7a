/* groups.c - what must leave together: a closure over the axis graph */
#include "compiler/ir/arch.h"

#include <stdlib.h>

/*
 * The graph. A vertex is a dimension of a stored tensor that carries an axis
 * which may be cut. An instance is an axis in one layer or, for the stream, at
 * one site. Edges join vertices to their instance, and a residual add without
 * a shortcut joins the instances of its two sites. A connected component is a
 * group if something inside the model makes it and something inside reads it.
 */
struct vertex {
    struct slim_member member;
    size_t instance;
    bool inside; /* its other end is a block too, not the ids or the logits */
};

struct graph {
    const struct slim_shape *shape;
    struct slim_arena *arena;
    struct vertex *vertices;
    size_t vertex_count;
    size_t instance_count;
    size_t *degree;    /* vertices of each instance */
    size_t *component; /* of each instance; SLIM_NO_UNIT: not reached yet */
};

static bool dim_carries(const struct slim_dim *dim, size_t axis)
{
    if (dim->kind == SLIM_DIM_AXIS)
        return dim->axis == axis;
    for (size_t p = 0; p < dim->part_count; p++)
        if (dim_carries(dim->parts[p], axis))
            return true;
    return false;
}

/* Instances in order: sites of the stream, then every other axis by layer. A
 * global axis has one, in the place of layer 0. */
static size_t instance_of(const struct slim_shape *shape,
                          const struct slim_tensor *tensor, size_t d,
                          size_t axis)
{
    const struct slim_arch *arch = shape->arch;
    if (axis == arch->stream)
        return tensor->sites[d];
    bool layered = arch->axes[axis].kind == SLIM_AXIS_LAYER;
    size_t layer = layered ? tensor->layer : 0;
    return arch->site_count + layer * arch->axis_count + axis;
}

/* Rows are made by a tensor and columns read; a table is read by ids and makes
 * columns, a shortcut is stored the other way round. */
static bool dim_is_output(const struct slim_tensor *tensor, size_t d)
{
    bool first = d == 0;
    if (slim_tensor_is_table(tensor) ||
        tensor->presence == SLIM_PRESENT_SHORTCUTS)
        return !first;
    return first;
}

static bool node_is_last(const struct slim_arch *arch,
                         const struct slim_node *node)
{
    return node == &arch->nodes[arch->node_count - 1];
}

static void add_vertex(struct graph *graph, const struct slim_tensor *tensor,
                       size_t d, size_t axis)
{
    const struct slim_arch *arch = graph->shape->arch;
    struct vertex *vertex = &graph->vertices[graph->vertex_count++];
    vertex->member.tensor = tensor;
    vertex->member.dim = d;
    vertex->member.output = dim_is_output(tensor, d);
    vertex->member.per_unit =
        slim_tensor_per_unit(graph->shape, tensor, d, axis);
    vertex->instance = instance_of(graph->shape, tensor, d, axis);
    graph->degree[vertex->instance]++;
    vertex->inside =
        vertex->member.output
            ? !node_is_last(arch, tensor->node)
            : tensor->linear || slim_blocks[tensor->node->kind].inputs > 0;
}

static void add_tensor(struct graph *graph, const struct slim_tensor *tensor)
{
    const struct slim_arch *arch = graph->shape->arch;
    for (size_t d = 0; d < tensor->dims_count; d++)
        for (size_t a = 0; a < arch->axis_count; a++)
            if (!arch->axes[a].fixed && dim_carries(tensor->dims[d], a))
                add_vertex(graph, tensor, d, a);
}

/* From the last node to the first, as a walk back from the logits would, and
 * within a node as its kind says. */
static void add_vertices(struct graph *graph)
{
    const struct slim_arch *arch = graph->shape->arch;
    graph->vertices = SLIM_NEW_ARRAY(
        graph->arena, arch->tensor_count * 2 * arch->axis_count, struct vertex);
    for (size_t n = arch->node_count; n-- > 0;) {
        const struct slim_node *node = &arch->nodes[n];
        const struct slim_block *block = &slim_blocks[node->kind];
        for (size_t s = 0; s < block->slot_count; s++) {
            const struct slim_tensor *tensor = node->slots[block->walk[s]];
            if (tensor != NULL && slim_tensor_present(graph->shape, tensor))
                add_tensor(graph, tensor);
        }
    }
}

/* Everything that the stream's sites reach through adds, breadth first. */
static void close_component(struct graph *graph, size_t start)
{
    const struct slim_arch *arch = graph->shape->arch;
    size_t *queue = SLIM_NEW_ARRAY(graph->arena, arch->site_count + 1, size_t);
    size_t head = 0, tail = 0;
    graph->component[start] = start;
    queue[tail++] = start;
    while (head < tail) {
        size_t at = queue[head++];
        if (at >= arch->site_count || graph->shape->shortcuts)
            continue;
        for (size_t n = 0; n < arch->node_count; n++) {
            const struct slim_node *node = &arch->nodes[n];
            if (node->kind != SLIM_BLOCK_ADD ||
                (node->site_in != at && node->site_out != at))
                continue;
            size_t other = node->site_in == at ? node->site_out : node->site_in;
            if (graph->component[other] != SLIM_NO_UNIT)
                continue;
            graph->component[other] = start;
            queue[tail++] = other;
        }
    }
}

/* ---- components to groups ---- */

static size_t slot_of(const struct slim_tensor *tensor)
{
    size_t slot = 0;
    while (tensor->node->slots[slot] != tensor)
        slot++;
    return slot;
}

/* The smaller index space; within a block, the slot that its kind names
 * first. Of equals in different blocks the one met first stays. */
static bool root_is_better(const struct slim_member *a,
                           const struct slim_member *b)
{
    if (a->per_unit != b->per_unit)
        return a->per_unit < b->per_unit;
    return a->tensor->node == b->tensor->node &&
           slot_of(a->tensor) < slot_of(b->tensor);
}

/* A component's members in the order of the walk. `root` is `count` where
 * nothing inside the model makes the axis, or nothing inside reads it. */
struct collection {
    struct slim_member *members;
    size_t count, root;
};

static size_t count_members(const struct graph *graph, size_t component)
{
    size_t count = 0;
    for (size_t i = 0; i < graph->instance_count; i++)
        count += graph->component[i] == component ? graph->degree[i] : 0;
    return count;
}

static struct collection collect_members(const struct graph *graph,
                                         size_t component)
{
    struct collection found = { 0 };
    size_t total = count_members(graph, component);
    size_t producers = 0, consumers = 0;
    found.members = SLIM_NEW_ARRAY(graph->arena, total, struct slim_member);
    found.root = total;
    for (size_t v = 0; v < graph->vertex_count && total > 0; v++) {
        const struct vertex *vertex = &graph->vertices[v];
        const struct slim_member *member = &vertex->member;
        if (graph->component[vertex->instance] != component)
            continue;
        producers += vertex->inside && member->output;
        consumers += vertex->inside && !member->output;
        found.members[found.count] = *member;
        if (member->output && !member->tensor->bias &&
            (found.root == total ||
             root_is_better(member, &found.members[found.root])))
            found.root = found.count;
        found.count++;
    }
    if (producers == 0 || consumers == 0)
        found.root = total;
    return found;
}

static void move_to_front(struct slim_member *members, size_t index)
{
    struct slim_member first = members[index];
    for (; index > 0; index--)
        members[index] = members[index - 1];
    members[0] = first;
}

static uint64_t unit_params(const struct slim_shape *shape,
                            const struct slim_group *group)
{
    uint64_t params = 0;
    for (size_t m = 0; m < group->member_count; m++) {
        const struct slim_member *member = &group->members[m];
        params += (uint64_t)member->per_unit *
                  slim_tensor_size(shape, member->tensor, 1 - member->dim);
    }
    return params;
}

static size_t group_units(const struct slim_shape *shape,
                          const struct slim_group *group)
{
    const struct slim_member *root = &group->members[0];
    if (group->axis == shape->arch->stream)
        return shape->sites[root->tensor->sites[root->dim]];
    return slim_shape_size(shape, group->layer, group->axis);
}

static void make_group(struct slim_groups *groups, const struct graph *graph,
                       size_t component)
{
    const struct slim_arch *arch = graph->shape->arch;
    struct collection found = collect_members(graph, component);
    if (found.root == found.count)
        return;
    move_to_front(found.members, found.root);
    struct slim_group *group = &groups->items[groups->count];
    bool stream = component < arch->site_count;
    size_t place = stream ? 0 : component - arch->site_count;
    group->axis = stream ? arch->stream : place % arch->axis_count;
    bool layered = arch->axes[group->axis].kind == SLIM_AXIS_LAYER;
    group->layer = layered ? place / arch->axis_count : SLIM_NO_LAYER;
    group->role = stream ? SLIM_ROLE_STREAM : found.members[0].tensor->role;
    group->members = found.members;
    group->member_count = found.count;
    group->units = group_units(graph->shape, group);
    group->params_per_unit = unit_params(graph->shape, group);
    if (group->units > 0)
        groups->count++;
}

struct slim_groups *slim_discover(const struct slim_shape *shape,
                                  struct slim_arena *arena)
{
    const struct slim_arch *arch = shape->arch;
    struct graph graph = { .shape = shape, .arena = arena };
    graph.instance_count = arch->site_count + arch->layers * arch->axis_count;
    graph.degree = SLIM_NEW_ARRAY(arena, graph.instance_count, size_t);
    graph.component = SLIM_NEW_ARRAY(arena, graph.instance_count, size_t);
    for (size_t i = 0; i < graph.instance_count; i++)
        graph.component[i] = SLIM_NO_UNIT;
    add_vertices(&graph);
    struct slim_groups *groups = SLIM_NEW(arena, struct slim_groups);
    groups->items =
        SLIM_NEW_ARRAY(arena, graph.instance_count, struct slim_group);
    /* blocks of each layer first, the stream last */
    for (size_t i = 0; i < graph.instance_count; i++) {
        size_t instance = (i + arch->site_count) % graph.instance_count;
        if (graph.component[instance] != SLIM_NO_UNIT ||
            graph.degree[instance] == 0)
            continue;
        close_component(&graph, instance);
        make_group(groups, &graph, instance);
    }
    return groups;
}
