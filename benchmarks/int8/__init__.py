"""The shipped network in int8, beside the float32 that ships."""
