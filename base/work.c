/* work.c - what was done so far, counted (work.h) */
#include "base/work.h"
#include "base/array.h"

#include <fcntl.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static atomic_ullong operations, bytes_read, bytes_written;
static uint64_t earlier_peak; /* before the last restart */
static int restarts = 1;      /* 0: the system does not begin a new count */

struct slim_work slim_work_done(void)
{
    return (struct slim_work){
        .operations = atomic_load(&operations),
        .read = atomic_load(&bytes_read),
        .written = atomic_load(&bytes_written),
    };
}

struct slim_work slim_work_since(const struct slim_work *before)
{
    struct slim_work now = slim_work_done();

    return (struct slim_work){
        .operations = now.operations - before->operations,
        .read = now.read - before->read,
        .written = now.written - before->written,
    };
}

void slim_work_operations(uint64_t count)
{
    atomic_fetch_add_explicit(&operations, count, memory_order_relaxed);
}

void slim_work_read(uint64_t bytes)
{
    atomic_fetch_add_explicit(&bytes_read, bytes, memory_order_relaxed);
}

void slim_work_written(uint64_t bytes)
{
    atomic_fetch_add_explicit(&bytes_written, bytes, memory_order_relaxed);
}

/* The text of a file of /proc; an empty one where there is none. */
static void read_proc(char *out, size_t room, const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = file < 0 ? 0 : read(file, out, room - 1);

    out[got > 0 ? got : 0] = '\0';
    if (file >= 0)
        (void)close(file);
}

struct slim_footprint slim_footprint_now(void)
{
    struct slim_footprint out = { 0, 0 };
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    char text[128], *at;

    read_proc(text, sizeof(text), "/proc/self/statm");
    (void)strtoull(text, &at, 10);
    uint64_t resident = strtoull(at, &at, 10);
    uint64_t shared = strtoull(at, NULL, 10);
    out.resident = resident * page;
    out.anonymous = resident > shared ? (resident - shared) * page : 0;
    return out;
}

void slim_footprint_trim(void)
{
    slim_array_trim();
#ifdef __GLIBC__
    (void)malloc_trim(0);
#endif
}

static uint64_t high_water(void)
{
    struct rusage usage;
    char text[4096];

    read_proc(text, sizeof(text), "/proc/self/status");
    const char *at = strstr(text, "VmHWM:");
    if (at)
        return strtoull(at + strlen("VmHWM:"), NULL, 10) * 1024;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return 0;
    return (uint64_t)usage.ru_maxrss * 1024;
}

void slim_footprint_restart(void)
{
    earlier_peak = slim_footprint_peak();
    if (!restarts)
        return;
    /* "5" sets the high-water mark to what is resident now: proc(5) */
    int file = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    restarts = file >= 0 && write(file, "5", 1) == 1;
    if (file >= 0)
        (void)close(file);
}

uint64_t slim_footprint_recent(void)
{
    return high_water();
}

uint64_t slim_footprint_peak(void)
{
    uint64_t recent = high_water();

    return recent > earlier_peak ? recent : earlier_peak;
}
