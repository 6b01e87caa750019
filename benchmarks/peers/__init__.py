"""The same network behind other servers, measured in the same run as digits."""
