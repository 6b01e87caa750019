"""Several processes that serve on one port, and the one that starts and ends them.

The supervisor loads neither gRPC nor a model: it is small, and has nothing that a process that
it starts could inherit in a bad state.
"""
