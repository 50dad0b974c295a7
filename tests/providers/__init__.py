"""Tests of the providers, each against the far side of its cloud."""
