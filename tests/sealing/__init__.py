"""Tests of accounts: the vault, what may be connected, health, rotation."""
