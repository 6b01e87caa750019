"""The networks: the tutorial's, for comparison, the shipped compact one, and its teachers.

All of them take (N, 28, 28, 1) float32 frames in 0..1. The tutorial's network returns (N, 10)
probabilities. The others return (N, 12), where the last two classes are "not a digit" and
"no writing".
"""

from collections.abc import Sequence
from typing import Any, Final

import keras
from keras import layers

from digits_server.preprocessing.normalize import FRAME_SIZE

DIGIT_COUNT = 10
CLASS_COUNT = 12


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
    """Return the shipped network, compiled: 122,500 weights, 11.2 MFLOP per image.

    A FLOP is one multiplication or one addition in a convolution or dense layer. The frame is
    halved early, because a convolution costs most at full size.

    Args:
        learning_rate: Peak learning rate.
        step_count: Number of steps of the whole training, for the learning rate schedule.
    """
    return _convolutional(
        "compact", (24, 32, 64, 64, 96), (1, 2, 2, 1, 1), learning_rate, step_count
    )


def plain_teacher(learning_rate: float, step_count: int) -> keras.Model:
    """Return a larger network like the compact one, compiled: 54.9 MFLOP per image.

    The arguments are those of ``compact``.
    """
    return _convolutional(
        "plain_teacher", (32, 64, 64, 128, 128, 192), (1, 2, 1, 2, 1, 1), learning_rate, step_count
    )


def residual_teacher(learning_rate: float, step_count: int) -> keras.Model:
    """Return a larger network with a residual block, compiled: 54.9 MFLOP per image.

    K. He et al., "Deep residual learning for image recognition" (2016). The arguments are those
    of ``compact``.
    """
    inputs = keras.Input((FRAME_SIZE, FRAME_SIZE, 1))
    x = convolution(inputs, 32)  # (28, 28, 32)
    x = convolution(x, 64, stride=2)  # (14, 14, 64)
    x = _residual_block(convolution(x, 128, stride=2))  # (7, 7, 128)
    x = convolution(x, 192, padding="valid")  # (5, 5, 192)
    return _classifier("residual_teacher", inputs, x, learning_rate, step_count)


TEACHERS: Final = (residual_teacher, plain_teacher)
"""Several teachers take turns with these, because different networks make different mistakes."""


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
        x = convolution(x, filter_count, stride=stride, padding=padding)
    return _classifier(name, inputs, x, learning_rate, step_count)


def _residual_block(x: keras.KerasTensor) -> keras.KerasTensor:
    filter_count = x.shape[-1]
    y = convolution(convolution(x, filter_count), filter_count, activate=False)
    return layers.ReLU()(layers.Add()([x, y]))


def convolution(
    x: keras.KerasTensor,
    filter_count: int,
    *,
    size: int | tuple[int, int] = 3,
    stride: int = 1,
    padding: str = "same",
    activate: bool = True,
) -> keras.KerasTensor:
    """Return features after a convolution, a batch normalization and, unless told, a ReLU."""
    x = layers.Conv2D(filter_count, size, strides=stride, padding=padding, use_bias=False)(x)
    # Export folds this into the convolution.
    x = layers.BatchNormalization(momentum=0.9)(x)
    return layers.ReLU()(x) if activate else x


def _classifier(
    name: str,
    inputs: keras.KerasTensor,
    x: keras.KerasTensor,
    learning_rate: float,
    step_count: int,
) -> keras.Model:
    """Return the compiled network that classifies by the (N, 5, 5, C) features ``x``."""
    # An average over all positions with a learned weight for each: position matters.
    x = layers.DepthwiseConv2D(5, depthwise_initializer=keras.initializers.Constant(1 / 25))(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(0.1)(x)
    outputs = layers.Dense(CLASS_COUNT, activation="softmax")(x)
    model = keras.Model(inputs, outputs, name=name)
    compile_network(model, learning_rate, step_count)
    return model


def copy(source: keras.Model, learning_rate: float, step_count: int) -> keras.Model:
    """Return a copy of a network with 12 classes, compiled as ``compact`` is."""
    model = keras.models.clone_model(source)
    model.set_weights(source.get_weights())
    compile_network(model, learning_rate, step_count)
    return model


def compile_network(
    model: keras.Model,
    learning_rate: float,
    step_count: int,
    loss: Any = "categorical_crossentropy",
    metrics: Sequence[Any] = ("accuracy",),
) -> None:
    """Compile a network with a learning rate that rises at first, and then falls along a cosine."""
    rate = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=learning_rate / 10,
        warmup_target=learning_rate,
        warmup_steps=step_count // 25,
        decay_steps=step_count - step_count // 25,
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=1e-4)
    model.compile(optimizer, loss=loss, metrics=list(metrics))
