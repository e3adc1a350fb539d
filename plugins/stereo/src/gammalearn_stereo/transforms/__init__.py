"""The transforms of the plug-in."""
