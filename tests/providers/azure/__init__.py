"""Tests of the Azure provider: real clients against a local server."""
