"""The networks: the tutorial's, for comparison, the shipped compact one, and its teacher.

All of them take (N, 28, 28, 1) float32 frames in 0..1. The tutorial's network returns (N, 10)
probabilities. The others return (N, 11), where the last class is "not a digit".
"""

import keras
from keras import layers

from digits_server.preprocessing.normalize import FRAME_SIZE

DIGIT_COUNT = 10
CLASS_COUNT = 11


def tutorial(learning_rate: float) -> keras.Model:
    """Return the CNN that this project grew from, compiled: 2,380,938 weights."""
    model = keras.Sequential(
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
    optimizer = keras.optimizers.Adadelta(learning_rate)
    model.compile(optimizer, loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def compact(learning_rate: float, step_count: int) -> keras.Model:
    """Return the shipped network, compiled: 122,403 weights, 11.2 MFLOP per image.

    A FLOP is one multiplication or one addition in a convolution or dense layer. The frame is
    halved early, because a convolution costs most at full size.

    Args:
        learning_rate: Peak learning rate.
        step_count: Number of steps of the whole training, for the learning rate schedule.
    """
    return _convolutional(
        "compact", (24, 32, 64, 64, 96), (1, 2, 2, 1, 1), learning_rate, step_count
    )


def teacher(learning_rate: float, step_count: int) -> keras.Model:
    """Return the network that the compact one is distilled from, compiled: 54.9 MFLOP per image.

    The arguments are those of ``compact``.
    """
    return _convolutional(
        "teacher", (32, 64, 64, 128, 128, 192), (1, 2, 1, 2, 1, 1), learning_rate, step_count
    )


def _convolutional(
    name: str,
    filters: tuple[int, ...],
    strides: tuple[int, ...],
    learning_rate: float,
    step_count: int,
) -> keras.Model:
    inputs = keras.Input((FRAME_SIZE, FRAME_SIZE, 1))
    x = inputs
    for index, (filter_count, stride) in enumerate(zip(filters, strides, strict=True)):
        # The last convolution has no padding: (7, 7) becomes (5, 5).
        padding = "valid" if index == len(filters) - 1 else "same"
        x = layers.Conv2D(filter_count, 3, strides=stride, padding=padding, use_bias=False)(x)
        # Export folds this into the convolution.
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.ReLU()(x)
    # An average over all positions with a learned weight for each: position matters.
    x = layers.DepthwiseConv2D(5, depthwise_initializer=keras.initializers.Constant(1 / 25))(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(0.1)(x)
    outputs = layers.Dense(CLASS_COUNT, activation="softmax")(x)
    model = keras.Model(inputs, outputs, name=name)
    rate = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=learning_rate / 10,
        warmup_target=learning_rate,
        warmup_steps=step_count // 25,
        decay_steps=step_count - step_count // 25,
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=1e-4)
    model.compile(optimizer, loss="categorical_crossentropy", metrics=["accuracy"])
    return model
