"""Tenants: making, changing and deleting them, their members, invitations and API keys."""
