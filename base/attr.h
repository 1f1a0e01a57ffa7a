/* attr.h - compiler attributes, each with an empty fallback */
#ifndef SLIM_ATTR_H
#define SLIM_ATTR_H

#if defined(__GNUC__) || defined(__clang__)
#define SLIM_PRINTF(text, first) __attribute__((format(printf, text, first)))
#define SLIM_NODISCARD __attribute__((warn_unused_result))
#define SLIM_NORETURN __attribute__((noreturn))
#else
#define SLIM_PRINTF(format, first)
#define SLIM_NODISCARD
#define SLIM_NORETURN
#endif

#define SLIM_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
