"""List prices that are delivered with the product: public facts, each with its date and its source."""
