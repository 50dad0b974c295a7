"""Who is calling: passwords, tokens, API keys, sessions, permissions, the log-in throttle."""
