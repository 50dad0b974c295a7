"""Secrets at rest: the vault that seals them, and its keys."""
