"""The core's own handlers."""
