"""Model folders: their manifests, and how a model is found, checked and loaded.

    <models dir>/<version>/manifest.json
    <models dir>/<version>/model.tflite

A version is a positive integer. Its folder never changes once it exists.
"""

from .loaded import LoadedModel
from .manifest import LABELS, MANIFEST_FILE, MODEL_FILE, Manifest, sha256
from .registry import load_folder, versions
from .watcher import ModelWatcher

__all__ = [
    "LABELS",
    "MANIFEST_FILE",
    "MODEL_FILE",
    "LoadedModel",
    "Manifest",
    "ModelWatcher",
    "load_folder",
    "sha256",
    "versions",
]
