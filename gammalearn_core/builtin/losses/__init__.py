"""The core's own losses."""
