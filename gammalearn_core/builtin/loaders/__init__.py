"""The core's own loaders."""
