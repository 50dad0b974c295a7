"""Batching reads for nested fields: each loader answers in key order and is named Value-By-Key."""
