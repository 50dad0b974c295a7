"""Budgets: their periods, how they stand, and the alerts that they raise."""
