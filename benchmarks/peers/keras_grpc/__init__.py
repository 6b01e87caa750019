"""The peer: Keras behind grpcio."""
