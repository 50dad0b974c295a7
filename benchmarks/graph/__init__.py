"""The speed of the graph: what an answer costs the server, beside what a hand-written route for it costs."""
