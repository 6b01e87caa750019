"""digits-web: a page to draw on, and HTTP for programs without gRPC."""
