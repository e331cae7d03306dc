"""What the page computes: one function for each thing it shows, from inputs to views. No component."""
