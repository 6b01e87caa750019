"""What operators use: health, metrics, logs, traces, the admin port, and shutdown."""
