"""Trained networks as reconstructors of ctapipe: in ``ctapipe-process`` and in ``ctapipe-apply-models``."""
