"""What the page computes: from inputs to what a component shows, as JSON. No component, no event, no open page."""
