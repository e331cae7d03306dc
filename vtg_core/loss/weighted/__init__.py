"""The loss of weighted tokens: the weighted mean of their NLL, in one's own loop and in a trainer of transformers."""
