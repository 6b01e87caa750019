#!/bin/sh
# Install the wheel of the project in the environment of an image, and finish that environment.
#
#   sh install_wheel.sh ENVIRONMENT
#
# ENVIRONMENT is a virtual environment with the dependencies; /wheels has the wheel.
# ENVIRONMENT/packages.txt lists all packages, also those of which remove_unused.sh removes a part.
set -eu
environment=$1
pip() { python3 -m pip --python "$environment/bin/python3" "$@"; }

PIP_REQUIRE_HASHES=0 pip install --no-compile --no-deps /wheels/*.whl
pip check
pip list --format=freeze > "$environment/packages.txt"
sh remove_unused.sh "$environment"
# Compiled here, because the file system is read-only later; not checked against the sources.
python3 -m compileall -q --invalidation-mode unchecked-hash "$environment/lib"
