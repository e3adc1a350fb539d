"""The core's own transforms."""
