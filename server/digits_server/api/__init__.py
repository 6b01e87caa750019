"""The gRPC interface: servicers, interceptors, credentials and the transports below them."""
