"""The performance suite: each module measures one promise as a ratio, in one run."""
