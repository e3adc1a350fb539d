"""The page that shows what a run has given, and the page that compares runs."""
