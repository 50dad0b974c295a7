"""Tells of forecasts, commitments and unit costs that have moved, each once."""
