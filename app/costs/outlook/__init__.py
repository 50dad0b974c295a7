"""The outlook: what daily costs will be, which of them are out of line and why, and what that does to a budget.

Pure functions on daily series of one currency: no SQL and no graph. numpy and statsmodels take seconds to import, so
the public modules load them when they are first asked; call these functions in a thread, not on the event loop.
"""
