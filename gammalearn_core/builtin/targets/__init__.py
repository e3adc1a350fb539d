"""The core's own targets."""
