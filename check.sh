#!/bin/sh
# check.sh - build slimc and run its tests; the last line counts them

cd "$(dirname "$0")" || exit 1
if ! tools/setup; then
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
fi
rm -f build/test-suite.log
find build/tests -name '*.trs' -delete
make -C build check
status=$?
# a test that does not compile leaves nothing to count
if [ ! -f build/test-suite.log ]; then
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
fi
tools/count-tests build/tests && exit $status
exit 1
