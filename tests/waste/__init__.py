"""The proof that checks find all waste of an account and nothing else, with the right money."""
