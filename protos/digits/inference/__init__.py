"""The Open Inference Protocol, which clients of other inference servers speak."""
