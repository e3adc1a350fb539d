"""Benchmarks, sensitivity and instrument response functions of trained networks: a plug-in of gammalearn-core."""
