"""The networks: the tutorial's, for comparison, and the compact one that ships.

Both take (N, 28, 28) float32 frames in 0..1 and return (N, 10) float32 probabilities.
"""

import keras
from keras import layers

from digits_server.frames import FRAME_SIZE

from .settings import FitSettings

DIGIT_COUNT = 10


def build(settings: FitSettings, steps_per_epoch: int) -> keras.Model:
    """Return a compiled network with fresh weights.

    Args:
        settings: Which network, and its learning rate and epochs.
        steps_per_epoch: Steps of the optimizer in one epoch, for the rate's course.
    """
    if settings.network == "tutorial":
        model = _tutorial()
        optimizer = keras.optimizers.Adadelta(settings.learning_rate)
    else:
        model = _compact()
        optimizer = _compact_optimizer(settings, steps_per_epoch)
    model.compile(optimizer, loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def _tutorial() -> keras.Model:
    """The CNN that this project grew from: 2,380,938 weights."""
    return keras.Sequential(
        [
            keras.Input((FRAME_SIZE, FRAME_SIZE, 1)),
            layers.Conv2D(32, 3, activation="relu"),  # (26, 26, 32)
            layers.Conv2D(64, 3, activation="relu"),  # (24, 24, 64)
            layers.MaxPooling2D(2),  # (12, 12, 64)
            layers.Dropout(0.25),
            layers.Flatten(),  # (9216,)
            layers.Dense(256, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(DIGIT_COUNT, activation="softmax"),
        ],
        name="tutorial",
    )


def _compact() -> keras.Model:
    """Five convolutions and a global pooling: 119,810 weights, 11.2 MFLOP an image.

    A FLOP is one multiplication or one addition of a convolution or dense layer.
    The picture is halved early, where a convolution costs most.
    """
    inputs = keras.Input((FRAME_SIZE, FRAME_SIZE, 1))
    x = _convolve(inputs, 24, 3)  # (28, 28, 24)
    x = _convolve(x, 32, 3, strides=2)  # (14, 14, 32)
    x = _convolve(x, 64, 3, strides=2)  # (7, 7, 64)
    x = _convolve(x, 64, 3)  # (7, 7, 64)
    x = _convolve(x, 96, 3, padding="valid")  # (5, 5, 96)
    x = layers.GlobalAveragePooling2D()(x)  # (96,)
    x = layers.Dropout(0.2)(x)
    outputs = layers.Dense(DIGIT_COUNT, activation="softmax")(x)
    return keras.Model(inputs, outputs, name="compact")


def _convolve(
    x: keras.KerasTensor, filters: int, size: int, *, strides: int = 1, padding: str = "same"
) -> keras.KerasTensor:
    # The batch normalization folds into the convolution when the model is exported.
    x = layers.Conv2D(filters, size, strides=strides, padding=padding, use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    return layers.ReLU()(x)


def _compact_optimizer(settings: FitSettings, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    warmup_steps = steps_per_epoch
    rate = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=settings.learning_rate / 10,
        warmup_target=settings.learning_rate,
        warmup_steps=warmup_steps,
        decay_steps=max(1, settings.epochs * steps_per_epoch - warmup_steps),
    )
    return keras.optimizers.AdamW(rate, weight_decay=1e-4)
