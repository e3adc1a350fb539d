"""What the notebook runs, in a kernel that needs no GammaLearn."""
