"""Anomalies: the series in which they are looked for, what caused them, and what people answer."""
