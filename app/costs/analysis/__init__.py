"""Analysis of costs: periods, the plan by which a question is answered, and the report made of what is found."""
