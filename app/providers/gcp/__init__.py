"""Google Cloud: the only home of its SDK."""
