"""Tests of what is told outside the graph: mail."""
