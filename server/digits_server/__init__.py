"""The digits server: a CNN trained on MNIST behind a gRPC service."""
