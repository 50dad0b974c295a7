"""Tests of compiled execution: graphql-core is the oracle, and generated operations are what it is asked."""
