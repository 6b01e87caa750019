"""The gRPC interface: servicers, what all calls have in common, credentials and the server."""
