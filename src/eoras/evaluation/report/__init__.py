"""The page that shows scores: one file that needs nothing but a browser."""
