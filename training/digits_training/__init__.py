"""Training, measuring and exporting the model that the digits server serves.

TensorFlow is imported by this package alone, and only by the modules that
build, run or convert a network.
"""
