"""A running average of a network's weights, which is the network that training results in.

B. Polyak and A. Juditsky, "Acceleration of stochastic approximation by averaging" (1992).
"""

import keras
import numpy as np


class WeightAverage:
    """Moves the weights of a second network towards those of the trained one after each step.

    The statistics of batch normalization are averaged like the weights. By themselves they cover
    some ten batches only.
    """

    def __init__(self, network: keras.Model, decay: float) -> None:
        """Start with the weights of a network.

        Args:
            network: Network with the layers of the trained one; holds the average.
            decay: Share of the average that a step keeps, below 1; 0 for the last weights alone.
                The first steps keep less, so that the initial weights are forgotten.
        """
        self.network = network
        self._decay = decay
        self.updates = 0
        """Number of steps averaged so far."""

    def update(self, model: keras.Model) -> None:
        """Include the weights of the trained network after a step."""
        share = np.float32(1 - min(self._decay, (1 + self.updates) / (10 + self.updates)))
        self.updates += 1
        for mean, value in zip(self.network.weights, model.weights, strict=True):
            mean.assign_add(share * (value - mean))
