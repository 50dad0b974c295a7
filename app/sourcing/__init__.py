"""Cost sources: where costs are fetched from, when, and the runs that fetch and import them."""
