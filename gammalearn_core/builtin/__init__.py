"""The core's own components, declared by the same hooks as those of any plug-in."""
