"""Tests of the activity: recorded in order, streamed without loss, forgotten in time."""
