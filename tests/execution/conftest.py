"""The world, once for a module: filling it takes three seconds of processor time."""

from __future__ import annotations
