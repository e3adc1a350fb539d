"""The core's own filters."""
