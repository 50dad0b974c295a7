"""Who pays: teams, the tag keys that tell them, and the rules that share costs out."""
