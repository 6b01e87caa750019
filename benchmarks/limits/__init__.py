"""How far the service is from what its parts can do."""
