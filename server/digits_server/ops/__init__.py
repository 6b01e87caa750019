"""Interfaces for operators: health, metrics, logs, traces, the admin port, and shutdown."""
