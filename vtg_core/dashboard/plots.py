"""The colours of the page's charts."""

BLUE, ORANGE = "#0072b2", "#d55e00"  # Okabe and Ito's pair, apart for every kind of colour vision
