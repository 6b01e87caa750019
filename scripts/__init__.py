"""Scripts of the repository: generated code, the demo, samples, screenshots and long tests."""
