"""The core's own networks."""
