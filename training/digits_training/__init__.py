"""Training, evaluation and export of the model that the digits server serves.

Only this package imports TensorFlow, and only in the modules that build, run or convert a
network.
"""
