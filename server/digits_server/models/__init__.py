"""Model folders: what they say of themselves, and how one is found, checked and loaded.

    <models dir>/<version>/manifest.json
    <models dir>/<version>/model.tflite

A version is a whole number above 0, and its folder is never changed once it is there.
"""

from .loaded import Image, LoadedModel
from .manifest import LABELS, MANIFEST_FILE, MODEL_FILE, Manifest, sha256
from .registry import load_folder, versions
from .watcher import ModelWatcher

__all__ = [
    "LABELS",
    "MANIFEST_FILE",
    "MODEL_FILE",
    "Image",
    "LoadedModel",
    "Manifest",
    "ModelWatcher",
    "load_folder",
    "sha256",
    "versions",
]
