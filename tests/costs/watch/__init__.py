"""Budgets, anomalies, commitments and unit costs."""
