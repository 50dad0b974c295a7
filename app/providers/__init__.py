"""Clouds and other providers: the only home of their SDKs. Knows nothing of our database."""
