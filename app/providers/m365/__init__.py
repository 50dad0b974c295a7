"""Microsoft 365, read through Microsoft Graph v1.0 with httpx."""
