"""The core's own reports."""
