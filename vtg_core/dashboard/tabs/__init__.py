"""What stands where on the page: one file for each tab. Components; no events, and nothing computed."""
