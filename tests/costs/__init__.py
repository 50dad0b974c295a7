"""Tests of the cost room and of the samples."""
