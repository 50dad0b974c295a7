"""Tests of app.loaders."""
