"""The same network served by other servers, measured in the same run as digits."""
