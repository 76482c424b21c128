"""Where the parts of a model are, and what weights without a configuration say about it."""
