"""Weights from and to other packages."""

from __future__ import annotations
