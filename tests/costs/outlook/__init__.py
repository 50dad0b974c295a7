"""Tests of the outlook: forecasts, anomalies, their causes, budgets."""
