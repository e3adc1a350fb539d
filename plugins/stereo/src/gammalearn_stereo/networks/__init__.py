"""The networks of the plug-in."""
