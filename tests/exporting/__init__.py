"""Tests of app.exporting."""
