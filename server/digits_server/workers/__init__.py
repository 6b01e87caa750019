"""Several processes that serve on one port, and the supervisor that starts and stops them.

The supervisor loads neither gRPC nor a model. It stays small, and has no state that a process it
starts could inherit broken.
"""
