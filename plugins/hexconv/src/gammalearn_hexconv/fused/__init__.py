"""Operations that do several things in one pass over memory: in training, and in whole networks for inference."""

from __future__ import annotations
