"""Tests of app.privacy."""
