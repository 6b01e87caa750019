"""Version 1 of the contract: messages in ``recognizer_pb2``, stubs in ``recognizer_pb2_grpc``."""
