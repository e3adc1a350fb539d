"""Searches for hyper-parameters: many runs of one settings file. Light but for ``study`` and what imports it."""
