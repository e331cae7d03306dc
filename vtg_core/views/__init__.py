"""What a person should see: plain values, documented field by field, one file for each thing that is shown.

Nothing here is markup. A view is turned into JSON and drawn by a component that writes text only.
"""
