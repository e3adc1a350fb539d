"""Results: what predictions are worth, and the files they are written to."""
