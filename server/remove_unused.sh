#!/bin/sh
# Remove what the packages of an image contain and no command loads.
#
#   sh remove_unused.sh ENVIRONMENT
#
# ENVIRONMENT is a virtual environment, of which any package may be missing.
# tests/deploy/test_container_files.py checks that the locked packages have these files.
set -eu
cd "$1"/lib/python3*/site-packages

# Graphics cards and neural processors; the server runs its network on the CPU.
rm -rf ai_edge_litert/libLiteRtWebGpuAccelerator.so \
    ai_edge_litert/tools/apply_plugin_main \
    ai_edge_litert/vendors

# AVIF, which the server does not accept, and fonts.
rm -rf PIL/_avif.*.so pillow.libs/libavif-* \
    PIL/_imagingft.*.so pillow.libs/libfreetype-* pillow.libs/libharfbuzz-*

# Tests, and headers and stubs for programs that are compiled or checked with these packages.
rm -rf numpy/tests numpy/*/tests pyarrow/tests pyarrow/include
find . -name '*.pyi' -delete
