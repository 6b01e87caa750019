"""Model folders: their manifests, and how a model is found, checked and loaded.

    <models dir>/<version>/manifest.json
    <models dir>/<version>/model.tflite
    <models dir>/<version>/model.int8.tflite (optional)

A version is a positive integer. Its folder never changes once it exists.
"""

from .loaded import LoadedModel
from .manifest import (
    ACCURACY_METRICS,
    LABELS,
    LINE_FILE,
    MANIFEST_FILE,
    MODEL_FILE,
    MODEL_FILES,
    Manifest,
    sha256,
)
from .registry import load_folder, versions
from .watcher import ModelWatcher

__all__ = [
    "ACCURACY_METRICS",
    "LABELS",
    "LINE_FILE",
    "MANIFEST_FILE",
    "MODEL_FILE",
    "MODEL_FILES",
    "LoadedModel",
    "Manifest",
    "ModelWatcher",
    "load_folder",
    "sha256",
    "versions",
]
