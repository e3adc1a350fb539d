"""The core's own optimizers."""
