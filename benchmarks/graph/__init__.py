"""The graph against its peers: six queries on one data set, server CPU per request, answers compared first."""
