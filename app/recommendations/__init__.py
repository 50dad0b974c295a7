"""The ledger of recommendations: found, ignored, marked for deletion, resolved, and back; no money counted twice."""
