"""Root fields of the graph: queries, mutations and subscriptions, one file per noun."""
