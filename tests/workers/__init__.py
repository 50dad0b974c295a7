"""Tests of the outbox and of the workers that empty it."""
