"""The page's named endpoints: a row in, what the command line writes as JSON out."""
