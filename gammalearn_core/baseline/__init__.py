"""The field's standard beside a network: Hillas parameters and random forests, on a run's own splits.

`gammalearn_core.baseline.command` is the whole; the other modules are its parts, light ones first.
"""
