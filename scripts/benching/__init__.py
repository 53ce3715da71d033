"""What does bisector cost, beside those that do the same work? Rows of one table, each measured side by side."""
