#!/bin/sh
# Describe what an image ships: SBOMs, and the texts of the licenses.
#
#   sh describe_image.sh ENVIRONMENT FOLDER
#
# ENVIRONMENT is the virtual environment of the image, and FOLDER is written. The current folder has
# LICENSE and pyproject.toml, which lists the accepted licenses; any other license is an error.
set -eu
environment=$1 folder=$2
PATH=/opt/describe/bin:$PATH
mkdir -p "$folder/licenses"
cp LICENSE "$folder"

# --with-system: pip and setuptools count too, where they are installed.
pip-licenses --python "$environment/bin/python3" --with-system --output-file "$folder/licenses.txt"
cyclonedx-py environment --output-reproducible --pyproject pyproject.toml \
    --output-file "$folder/sbom-python.cdx.json" "$environment/bin/python3"
debsbom generate --sbom-type cdx --distro-name debian --out "$folder/sbom-debian"

project=$PWD
cd "$environment"/lib/python3*/site-packages
for package in *.dist-info; do
    texts=$(find "$package" -type f \( -iname 'licen[cs]e*' -o -iname 'copying*' -o -iname 'notice*' \
        -o -path '*/licenses/*' -o -path '*/sboms/*' \))
    if [ -n "$texts" ]; then
        echo "$texts" | while read -r text; do cp --parents "$text" "$folder/licenses"; done
    elif grep -q -E '^(License|License-Expression|Classifier): .*Apache' "$package/METADATA"; then
        # The same text as the project's.
        mkdir "$folder/licenses/$package" && cp "$project/LICENSE" "$folder/licenses/$package"
    else
        echo "$package has no license text" >&2
        exit 1
    fi
done
