"""OpenID Connect as a relying party: reaching a provider, and believing no more of it than it proves."""
