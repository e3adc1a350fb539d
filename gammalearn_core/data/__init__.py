"""Data: geometries, event tables, batches, the split and the order of samples."""
