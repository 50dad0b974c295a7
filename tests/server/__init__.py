"""Tests of the server room, with a toy graph."""
