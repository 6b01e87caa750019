"""Version 2 of the protocol: messages in ``inference_pb2``, stubs in ``inference_pb2_grpc``."""
