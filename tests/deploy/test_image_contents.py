"""What makes the server's image small: its own OpenCV, and files that are left out."""

import platform
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from PIL import Image

from scripts import check_image
from tests.deploy.dockerfile import image_environment, stages
from tests.processes import ROOT

BUILD_OPENCV = ROOT / "server" / "build_opencv.sh"


def test_opencv_is_built_from_the_locked_sources_with_locked_tools() -> None:
    [copied] = [rest for name, rest in stages()["opencv"] if name == "COPY"]
    assert copied == "locks/opencv.txt locks/server.txt server/build_opencv.sh ./"
    assert image_environment("opencv") == image_environment("build")  # only with hashes
    script = BUILD_OPENCV.read_text("utf-8").replace("\\\n", " ")
    [without_hashes] = [line for line in script.splitlines() if "PIP_REQUIRE_HASHES=0" in line]
    assert {"wheel", "--no-deps", "--no-build-isolation"} <= set(without_hashes.split())
    # The command that picks the sources from the lock.
    [pick] = re.findall(r"sed -n .*(?= > )", script)
    picked = subprocess.run(
        ["sh", "-c", f"name=opencv-python-headless; {pick}"],
        cwd=ROOT / "locks",
        capture_output=True,
        text=True,
        check=True,
    )
    requirement, *hashes = picked.stdout.split("--hash=")
    assert requirement.startswith("opencv-python-headless==")
    assert len(hashes) > 1
    assert picked.stdout in (ROOT / "locks" / "server.txt").read_text("utf-8")


@pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="other wheels, other files"
)
def test_files_that_the_images_leave_out_are_in_the_locked_packages() -> None:
    script = (ROOT / "server" / "remove_unused.sh").read_text("utf-8").replace("\\\n", " ")
    removed = " ".join(re.findall(r"^rm -rf (.*)$", script, re.M)).split()
    assert len(removed) > 5
    packages = Path(sysconfig.get_path("purelib"))
    assert not [pattern for pattern in removed if not any(packages.glob(pattern))]


def test_the_check_of_the_image_fails_if_a_digit_is_misread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(SystemExit) as passed:
        check_image.main()
    assert passed.value.code == 0
    encode = check_image.encode

    def turned(gray: Image.Image, kind: str) -> bytes:
        return encode(gray.rotate(180) if kind == "TIFF" else gray, kind)

    monkeypatch.setattr(check_image, "encode", turned)
    with pytest.raises(SystemExit, match=r"6 as TIFF is read as .*digit=9"):
        check_image.main()
