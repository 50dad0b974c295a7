"""Writing the rows of a connection into a file: asked for in the graph, made by a worker, fetched by a signed link."""
