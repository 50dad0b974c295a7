"""Tests of signing in to GraphiQL."""
