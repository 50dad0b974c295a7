"""Tests of teams, tag keys and allocation."""
