"""Accounts at providers: adding, connecting, asking and changing them, with their credentials sealed."""
