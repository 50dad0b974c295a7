"""The graph as a part of larger graphs and in the hands of the tools of its clients."""
