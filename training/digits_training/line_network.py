"""The line network: it reads all digits of a strip at once, whether they touch or not.

It returns the probabilities of a character, or of none, for every two columns. Which of them belong
to one character is never labeled: A. Graves et al., "Connectionist temporal classification" (2006).
"""

from typing import Any, Final

import keras
import tensorflow as tf
from keras import layers, ops

from digits_server.models.line_engine import CHARACTER_COUNT, COLUMNS_PER_STEP, NO_CHARACTER
from digits_server.preprocessing.strips import STRIP_HEIGHT

from . import networks

# The convolutions halve the width twice; each of their columns then makes so many steps.
_STEPS: Final = 4 // COLUMNS_PER_STEP


def line_network(source: keras.Model, learning_rate: float, step_count: int) -> keras.Model:
    """Return the compiled line network: 0.57 MFLOP for each column of a strip.

    Its first layers are the compact network's, and start with its weights.

    Args:
        source: A compact network.
        learning_rate: Peak learning rate.
        step_count: Number of steps of the whole training, for the learning rate schedule.

    Returns:
        A network from (N, 28, W, 1) strips in 0..1 to (N, W / 2, 12) logits.
    """
    inputs = keras.Input((STRIP_HEIGHT, None, 1))
    x = networks.convolution(inputs, 24)  # (28, W, 24)
    x = networks.convolution(x, 32, stride=2)  # (14, W / 2, 32)
    x = networks.convolution(x, 64, stride=2)  # (7, W / 4, 64)
    x = networks.convolution(x, 64)
    x = layers.ZeroPadding2D((0, 1))(x)
    x = networks.convolution(x, 96, padding="valid")  # (5, W / 4, 96)
    first = keras.Model(inputs, x)
    _copy_weights(source, first)
    x = layers.ZeroPadding2D((0, 1))(x)
    x = networks.convolution(x, 128, size=(5, 3), padding="valid")  # (1, W / 4, 128)
    x = networks.convolution(x, 128, size=(1, 5))
    x = layers.Dropout(0.1)(x)
    classes = CHARACTER_COUNT + 1
    x = layers.Conv2D(_STEPS * classes, 1)(x)
    outputs = layers.Reshape((-1, classes))(x)  # (W / 2, 12)
    model = keras.Model(inputs, outputs, name="line")
    networks.compile_network(model, learning_rate, step_count, ctc_loss, [accuracy])
    return model


def _copy_weights(source: keras.Model, first: keras.Model) -> None:
    """Copy the weights of the layers that a network begins with."""
    kinds = (layers.Conv2D, layers.BatchNormalization)
    own = [layer for layer in first.layers if type(layer) in kinds]
    others = [layer for layer in source.layers if type(layer) in kinds]
    for layer, other in zip(own, others, strict=False):
        layer.set_weights(other.get_weights())


def ctc_loss(labels: Any, logits: Any) -> Any:
    """Return the negative logarithm of the probability of each text, (N,).

    Args:
        labels: (N, L) the characters of each strip from left to right, then -1.
        logits: (N, T, 12)
    """
    labels = ops.cast(labels, "int32")
    count, steps = tf.shape(logits)[0], tf.shape(logits)[1]
    is_empty = labels[:, :1] < 0
    # TensorFlow has no loss for a text without a character, which can be read in one way only.
    labels = tf.concat([tf.where(is_empty, 0, labels[:, :1]), labels[:, 1:]], axis=1)
    places = tf.where(labels >= 0)
    loss = tf.nn.ctc_loss(
        tf.SparseTensor(places, tf.gather_nd(labels, places), tf.shape(labels, tf.int64)),
        logits,
        label_length=None,
        logit_length=tf.fill([count], steps),
        logits_time_major=False,
        blank_index=NO_CHARACTER,
    )
    loss_if_empty = -tf.reduce_sum(tf.nn.log_softmax(logits)[..., NO_CHARACTER], axis=1)
    return tf.where(is_empty[:, 0], loss_if_empty, loss)


def accuracy(labels: Any, logits: Any) -> Any:
    """Return whether each text is that of the best class of each step: (N,) 1 or 0."""
    labels = ops.cast(labels, "int32")
    best = tf.argmax(logits, axis=2, output_type=tf.int32)
    before = tf.pad(best[:, :-1], [[0, 0], [1, 0]], constant_values=NO_CHARACTER)
    read = tf.ragged.boolean_mask(best, (best != NO_CHARACTER) & (best != before))
    length = tf.maximum(tf.shape(labels)[1], tf.cast(tf.reduce_max(read.row_lengths()), tf.int32))
    count = tf.shape(labels)[0]
    dense = read.to_tensor(-1, shape=[None, None])
    dense = tf.pad(dense, [[0, 0], [0, length - tf.shape(dense)[1]]], constant_values=-1)
    wanted = tf.pad(labels, [[0, 0], [0, length - tf.shape(labels)[1]]], constant_values=-1)
    same = tf.reduce_all(dense == wanted, axis=1)
    return tf.cast(tf.reshape(same, [count]), tf.float32)
