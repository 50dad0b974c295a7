"""The cost room: FOCUS columns, and how a delivered row becomes a typed charge."""
