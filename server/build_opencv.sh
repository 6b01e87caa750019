#!/bin/sh
# Build OpenCV with only what the server uses of it, as a wheel.
#
#   sh build_opencv.sh FOLDER
#
# FOLDER gets the wheel. The current folder has the locks: server.txt pins the sources, opencv.txt
# what builds them. The compiler is Debian's; nothing else is downloaded. The server decodes PNG
# files with OpenCV, and all other formats with Pillow. Intel's IPP is not in the sources; without
# it, frames differ in the sixth decimal place and take the same time.
set -eu
wheels=$1
name=opencv-python-headless
headers=$(python3 -c 'import sysconfig; print(sysconfig.get_path("include"))')

apt-get update -qq
# Debian's own Python has its headers in a package.
apt-get install -y -qq --no-install-recommends g++ $([ -e "$headers/Python.h" ] || echo python3-dev)

python3 -m venv --without-pip /opt/opencv
python=$(command -v python3)
pip() { "$python" -m pip --python /opt/opencv/bin/python3 "$@"; }
pip install --requirement opencv.txt
PATH=/opt/opencv/bin:$PATH

sed -n "/^$name==/,/[^\\\\]\$/p" server.txt > sources.txt
pip download --no-deps --no-build-isolation --no-binary "$name" --requirement sources.txt
tar xf opencv_python_headless-*.tar.gz
cd opencv_python_headless-*/

# These parts of the generator of type hints need modules that are not built.
sed -i -e '/in NODES_TO_REFINE.items/,+1d' -e '/"Feature2D",$/,+1d' \
    opencv/modules/python/src2/typing_stubs_generation/*.py

# setup.py reads whether the limited API is on from here, and the rest goes to CMake.
export CMAKE_ARGS="-DPYTHON3_LIMITED_API=ON -DCMAKE_MODULE_LINKER_FLAGS=-Wl,-s
    -DBUILD_LIST=core,imgproc,imgcodecs,python3 -DBUILD_ZLIB=ON -DBUILD_PNG=ON
    -DWITH_JPEG=OFF -DWITH_TIFF=OFF -DWITH_WEBP=OFF -DWITH_OPENJPEG=OFF -DWITH_JASPER=OFF
    -DWITH_AVIF=OFF -DWITH_OPENEXR=OFF -DWITH_IMGCODEC_GIF=OFF -DWITH_IMGCODEC_HDR=OFF
    -DWITH_IMGCODEC_SUNRASTER=OFF -DWITH_IMGCODEC_PXM=OFF -DWITH_IMGCODEC_PFM=OFF
    -DWITH_FFMPEG=OFF -DWITH_GSTREAMER=OFF -DWITH_V4L=OFF -DWITH_OBSENSOR=OFF
    -DWITH_VA=OFF -DWITH_VA_INTEL=OFF -DWITH_OPENCL=OFF -DWITH_PROTOBUF=OFF
    -DWITH_FLATBUFFERS=OFF -DWITH_LAPACK=OFF -DWITH_EIGEN=OFF -DWITH_ITT=OFF
    -DWITH_UNIFONT=OFF -DWITH_IPP=OFF -DWITH_KLEIDICV=OFF"
CMAKE_BUILD_PARALLEL_LEVEL=$(nproc)
export CMAKE_BUILD_PARALLEL_LEVEL
PIP_REQUIRE_HASHES=0 PIP_ONLY_BINARY=:none: pip wheel --no-deps --no-build-isolation \
    --wheel-dir /tmp/opencv .

# The texts of the libraries in this build take the place of those of the index' wheels.
{
    cat opencv/LICENSE
    for text in _skbuild/*/cmake-install/share/licenses/*/*; do
        printf '\n%s\n\n' "---- $(basename "$text")"
        cat "$text"
    done
} > texts
wheel unpack --dest /tmp/opencv /tmp/opencv/*.whl
find /tmp/opencv -name LICENSE-3RD-PARTY.txt -exec cp texts {} \;
mkdir -p "$wheels"
wheel pack --dest-dir "$wheels" /tmp/opencv/*/
