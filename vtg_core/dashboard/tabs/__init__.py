"""What stands where on the page: one file for each tab. Components, and no events."""
