"""Skyledger: a multi-cloud cost and waste platform whose public face is a GraphQL graph."""
