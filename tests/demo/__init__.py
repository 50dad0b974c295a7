"""Tests of the demo: what its bakery is charged on any day, and what a new user finds."""
