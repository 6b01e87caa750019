"""The shipped network in Keras, before its conversion to LiteRT."""

from pathlib import Path
from typing import Any, Final

import keras
import tensorflow as tf

from benchmarks.peers.network import SIDE, model_folder, temperature

SHIPPED_RUN: Final = (
    Path(__file__).parents[2] / "training" / "digits_training" / "shipped_run" / "model.keras"
)


def load_keras() -> Any:
    """Return the network, which maps (N, 28, 28, 1) frames to (N, 11) probabilities."""
    return keras.models.load_model(SHIPPED_RUN, compile=False)


def load() -> Any:
    """Return a traced function from (N, 28, 28) uint8 pixels to calibrated probabilities."""
    model = load_keras()
    exponent = 1 / temperature(model_folder())

    def predict(images: Any) -> Any:
        frames = tf.cast(images[..., None], tf.float32) / 255
        powers = tf.pow(model(frames, training=False), exponent)
        return powers / tf.reduce_sum(powers, axis=1, keepdims=True)

    traced = tf.function(predict, [tf.TensorSpec((None, SIDE, SIDE), tf.uint8)])
    for count in (1, 256):
        traced(tf.zeros((count, SIDE, SIDE), tf.uint8))
    return traced
