"""The networks that the plug-in declares, and the blocks they are made of."""

from __future__ import annotations
